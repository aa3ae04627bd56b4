/** The provisioner `file`: uploads. What goes below /tmp for a later command is lent to the steps, all else is in the image. */
import { basename } from 'node:path';

import { Refusal, type Place } from '../problems.ts';
import { Settings, type Section } from '../template.ts';
import { imagePath, noteIgnored, refuseStrangers, TIMING, type Context } from './context.ts';

export function translateFile(section: Section, context: Context): void {
  const settings = new Settings(section);
  const direction = settings.text('direction') ?? 'upload';
  if (direction !== 'upload')
    throw new Refusal(
      settings.placeOf('direction'),
      'file: a bake gives nothing back; take the file out of the image, or make it beforehand',
    );
  if (settings.flag('generated'))
    throw new Refusal(
      settings.placeOf('generated'),
      'file: what is made while Packer builds is not there at a bake; make it beforehand',
    );
  noteIgnored(settings, context, ...TIMING);
  const destination = settings.text('destination');
  if (destination === null && !section.settings.has('destination'))
    throw new Refusal(section.at, 'file: has no destination; add one');
  const at = settings.placeOf('destination');
  const content = settings.text('content');
  const sources = [...settings.texts('source'), ...settings.texts('sources')];
  refuseStrangers(settings, context);
  if (destination === null) return;
  if (content !== null) {
    upload({ from: context.draft.write(contentName(destination), content, false), to: imagePath(destination, at), at }, context);
    return;
  }
  if (sources.length === 0 && !section.settings.has('source'))
    throw new Refusal(section.at, 'file: has neither source nor content; add one');
  const from = settings.placeOf(section.settings.has('source') ? 'source' : 'sources');
  for (const source of sources)
    context.problems.attempt(() => uploadOne(source, destination, { from, to: at }, sources.length > 1, context));
}

const contentName = (destination: string): string => basename(destination).replaceAll(/[^\w.-]/g, '-') || 'content';

function uploadOne(
  source: string,
  destination: string,
  at: { readonly from: Place; readonly to: Place },
  several: boolean,
  context: Context,
): void {
  const located = context.files.locate(source, at.from);
  const from = context.draft.need(located, at.from);
  const to = imagePath(destination, at.to);
  // As rsync: a folder without a slash goes into the destination, with one its content does.
  const into = located.isFolder && !source.endsWith('/') ? `${to.replace(/\/$/, '')}/${basename(located.path)}` : to;
  const folder = several && !located.isFolder && !into.endsWith('/') ? `${into}/` : into;
  upload({ from, to: folder, at: at.to }, context);
}

interface Upload {
  readonly from: string;
  readonly to: string;
  readonly at: Place;
}

function upload(made: Upload, { draft, notices, later }: Context): void {
  const { from, to, at } = made;
  if (/^\/(?:proc|sys|dev|run)(?:\/|$)/.test(to))
    throw new Refusal(at, `file: what is put at ${to} is in no image; choose another place`);
  if (to === '/tmp' || to === '/tmp/' || to.startsWith('/tmp/')) {
    const place = to === '/tmp' || to === '/tmp/' ? `/tmp/${basename(from)}` : to;
    const name = place.replace(/\/$/, '');
    const text = later();
    if (text.includes(name) || /\/tmp\/?\*/.test(text)) {
      draft.uploaded.push({ from, to: place, at });
      notices.add(at, `${place} is there for the commands that follow, and not in the image`);
      return;
    }
    notices.add(at, `no later command names ${place}, so it is in the image; a release that has /tmp as scratch does not see it`);
    draft.addFile({ from, to: place });
    return;
  }
  draft.addFile({ from, to });
}
