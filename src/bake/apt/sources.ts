/**
 * Where Debian's packages come from: the machine's own apt configuration, turned to the suite that the recipe names. No
 * mirror is written down in Kiln, and none gets into an image.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import { readIfThere } from '../../platform/files.ts';
import { escapeRegExp } from '../pattern.ts';

/** One repository, as sources.list(5) means it. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Path of a key ring; null: apt's trusted ones. */
  readonly signedBy: string | null;
  /** Its packages are known by their hashes: no key is needed. */
  readonly trusted?: boolean;
}

/** BASE_UNAVAILABLE where the machine has no Debian source that could serve the suite. */
export async function debianSources(suite: string, snapshot: string | null, etc = '/etc'): Promise<readonly AptSource[]> {
  const texts = await sourceTexts(join(etc, 'apt'));
  const host = /^VERSION_CODENAME=(\S+)/m.exec((await readIfThere(join(etc, 'os-release'))) ?? '')?.[1] ?? '';
  const own = texts.flatMap(({ name, text }) => parseSources(name, text));
  const turned = own.flatMap((source) => turn(source, host, suite));
  if (turned.length === 0) {
    throw new KilnError('BASE_UNAVAILABLE', `no apt source of this machine serves Debian ${suite}`, {
      hint: `add a Debian mirror for "${host || suite}" to /etc/apt/sources.list.d`,
    });
  }
  return snapshot === null ? turned : turned.map((source) => atDate(source, snapshot, texts.map(({ text }) => text).join('\n')));
}

/** deb822 text for apt's Dir::Etc::SourceList. */
export function formatSources(sources: readonly AptSource[]): string {
  return sources
    .map(({ uri, suite, components, signedBy, trusted = false }) => {
      const key = trusted ? 'Trusted: yes\n' : signedBy === null ? '' : `Signed-By: ${signedBy}\n`;
      return `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${components.join(' ')}\n${key}`;
    })
    .join('\n');
}

/** `name`: of the file, whose end says the form; nothing for files that apt does not read. */
export function parseSources(name: string, text: string): readonly AptSource[] {
  if (name.endsWith('.sources')) return parseDeb822(text);
  return name.endsWith('.list') ? parseOneLine(text) : [];
}

async function sourceTexts(folder: string): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const parts = join(folder, 'sources.list.d');
  const names = (await readdir(parts).catch(() => [])).toSorted((a, b) => (a < b ? -1 : 1));
  const texts = [{ name: 'sources.list', text: (await readIfThere(join(folder, 'sources.list'))) ?? '' }];
  for (const name of names.filter((name) => /\.(?:list|sources)$/.test(name))) {
    texts.push({ name, text: await readFile(join(parts, name), 'utf8') });
  }
  return texts;
}

export function parseDeb822(text: string): readonly AptSource[] {
  const uncommented = text.split('\n').filter((line) => !line.startsWith('#'));
  return uncommented
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const field = (name: string): string => new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1]?.trim() ?? '';
      const words = (name: string): string[] => field(name).split(/\s+/).filter(Boolean);
      if (!words('Types').includes('deb') || /^(?:no|false)$/i.test(field('Enabled'))) return [];
      const signedBy = field('Signed-By').startsWith('/') ? field('Signed-By') : null;
      const suites = words('Suites');
      return words('URIs').flatMap((uri) => suites.map((suite) => ({ uri, suite, components: words('Components'), signedBy })));
    });
}

export function parseOneLine(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    const [, options = '', uri = '', suite = '', components = ''] = match ?? [];
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1] ?? null;
    return match === null ? [] : [{ uri, suite, components: components.trim().split(/\s+/), signedBy }];
  });
}

/** The host's suite, its updates and its security archive, for the suite asked for; nothing for any other source. */
function turn(source: AptSource, host: string, suite: string): readonly AptSource[] {
  const rest = source.suite === host ? '' : source.suite.startsWith(`${host}-`) ? source.suite.slice(host.length) : null;
  if (rest === null || !['', '-updates', '-security'].includes(rest)) return [];
  const rolling = suite === 'sid' || suite === 'unstable';
  return rolling && rest !== '' ? [] : [{ ...source, suite: `${suite}${rest}` }];
}

/**
 * Snapshot archives are laid out as …/archive/<archive>/<date>/. Their address, too, is the machine's own: it is looked
 * for in its sources, comments included, as Debian's images carry it there.
 */
function atDate(source: AptSource, date: string, texts: string): AptSource {
  const archive = new URL(source.uri).pathname.split('/').findLast(Boolean) ?? '';
  const found = new RegExp(`\\S+/archive/${escapeRegExp(archive)}/(?=[0-9]{8}T[0-9]{6}Z)`).exec(texts)?.[0];
  if (found === undefined) {
    throw new KilnError('BASE_UNAVAILABLE', `this machine knows no snapshot archive of ${archive}`, {
      hint: 'name one in /etc/apt/sources.list.d (a comment is enough), or leave the date out and let kiln.lock hold the versions',
    });
  }
  return { ...source, uri: `${found}${date}` };
}
