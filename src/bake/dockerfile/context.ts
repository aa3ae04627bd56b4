/** The files that a Dockerfile is given: its folder without what .dockerignore leaves out. */
import { join } from 'node:path';

import { readIfThere } from '../../platform/files.ts';
import type { FileHashes } from '../file-hashes.ts';
import { selectFiles } from '../file-selection.ts';
import type { Ignore } from '../ignore.ts';
import { patternToRegExp } from '../pattern.ts';

/** As in .kilnignore: what the bake itself writes, or what says how instances run, is no part of the image. */
const ALWAYS = ['.git', '.kilnignore', 'kiln.lock', 'kiln.*.lock', 'kiln.waivers.yaml', 'kiln.yaml'];

export interface DockerContext {
  /** The text of the ignore file that the build is to use. */
  readonly ignore: string;
  /** Every file with its mode and content, for the key. */
  readonly files: readonly unknown[];
}

export async function readContext(folder: string, hashes: FileHashes): Promise<DockerContext> {
  const own = (await readIfThere(join(folder, '.dockerignore'))) ?? '';
  const ignore = [own, ...ALWAYS, ''].join('\n');
  const selected = await selectFiles(folder, './', false, parseDockerignore(ignore));
  const files = await Promise.all(
    selected.map(async (file) => [
      file.path,
      file.kind,
      file.mode,
      file.kind === 'file' ? await hashes.digestOf(file.source) : file.target,
    ]),
  );
  return { ignore, files };
}

/** Every pattern starts at the folder, and one that names a folder means all in it; the last line that matches decides. */
export function parseDockerignore(text: string): Ignore {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ line, negated: line.startsWith('!'), matches: patternToRegExp(plain(line)) }));
  const takenBack = rules.some((rule) => rule.negated);
  return (path, isFolder) => {
    // A file in a folder that is left out may be taken back in, so the folder has to be looked into.
    if (isFolder && takenBack) return null;
    const parents = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
    const last = rules.findLast((rule) => parents.some((parent) => rule.matches.test(parent)));
    return last === undefined || last.negated ? null : last.line;
  };
}

const plain = (line: string): string =>
  line
    .replace(/^!/, '')
    .trim()
    .replace(/^\.?\//, '')
    .replace(/\/$/, '');
