/** Files of a difference as rows. */
import type { DiffBody } from '../../client/client.ts';
import { bytes, counted } from './amounts.ts';
import { arrow, quoted, type Row, tally, type Words } from './diff-words.ts';

type Files = NonNullable<DiffBody['image']>['files'];
type Difference = Files['listed'][number];
type Facts = NonNullable<Difference['first']>;

export function filesSummary({ added, removed, changed, grownBytes }: Files): string {
  const size = grownBytes === 0 ? '' : `, ${bytes(Math.abs(grownBytes))} ${grownBytes > 0 ? 'larger' : 'smaller'}`;
  const counts = tally([added, 'added'], [removed, 'removed'], [changed, 'changed']);
  return counts === '' ? '' : counts + size;
}

export function fileRow(difference: Difference): Row {
  const { path, what, first, second, gained, text } = difference;
  const name = [first, second].some((facts) => facts?.kind === 'folder') && path !== '/' ? `${path}/` : path;
  const hidden = text?.hidden;
  const note: Words = hidden == null || hidden === 'it is no text' ? [] : [`   (lines not shown: ${hidden})`];
  const left = text?.more ?? 0;
  const lines = text === null ? [] : [...text.lines, ...(left > 0 ? [`… and ${counted(left, 'line')} more`] : [])];
  const rights = gained.length === 0 ? [] : [` (gained: ${gained.join(', ')})`];
  const words = [...(what.length === 0 ? [] : wordsOf(difference)), ...rights, ...note];
  const sign = gained.length > 0 ? '!' : first === null ? '+' : second === null ? '−' : '~';
  return { sign, name, words, lines };
}

function wordsOf({ what, first, second, below }: Difference): Words {
  const held = below === null || below.entries === 0 ? '' : `${counted(below.entries, 'path')} in it, ${bytes(below.bytes)}`;
  const only = first ?? second;
  if (first === null || second === null) return held !== '' ? [held] : only === null ? [] : factsOf(only);
  const told = what.map((aspect): Words => {
    switch (aspect) {
      case 'kind':
        return [`${KINDS[first.kind]} → ${KINDS[second.kind]}`, ...(held === '' ? [] : [` (${held})`])];
      case 'content':
        return [
          first.size === second.size ? `content, ${bytes(second.size)}` : `content ${bytes(first.size)} → ${bytes(second.size)}`,
        ];
      case 'mode':
        return [`mode ${octal(first)} → ${octal(second)}`];
      case 'owner':
        return [`owner ${first.uid}:${first.gid} → ${second.uid}:${second.gid}`];
      case 'link':
        return ['link ', ...arrow(targetOf(first), targetOf(second))];
      case 'attributes':
        return ['attributes ', quoted(differingNames(first, second).join(' '))];
      case 'time':
      case 'only first':
      case 'only second':
        return [];
    }
  });
  return told.filter((words) => words.length > 0).flatMap((words, index) => (index === 0 ? words : [', ', ...words]));
}

const KINDS: Readonly<Record<Facts['kind'], string>> = {
  file: 'file',
  hardlink: 'link',
  symlink: 'symbolic link',
  character: 'device',
  block: 'device',
  folder: 'folder',
  fifo: 'pipe',
};

const octal = ({ mode }: Facts): string => mode.toString(8).padStart(4, '0');
const targetOf = ({ target }: Facts): Words => [target === null ? 'none' : quoted(target)];

function factsOf(facts: Facts): Words {
  if (facts.kind === 'symlink') return ['→ ', ...targetOf(facts)];
  return [facts.kind === 'file' ? bytes(facts.size) : KINDS[facts.kind]];
}

const differingNames = (first: Facts, second: Facts): readonly string[] =>
  [...new Set([...Object.keys(first.xattrs), ...Object.keys(second.xattrs)])].filter(
    (name) => first.xattrs[name] !== second.xattrs[name],
  );
