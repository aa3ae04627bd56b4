/**
 * .kilnignore: what `files:` leaves out when it copies a folder or a glob. A subset of gitignore(5):
 *
 *   # comment        a blank line or a comment says nothing
 *   node_modules     a name: at any depth
 *   /dist  a/b       with a slash inside or in front: from the recipe's folder
 *   build/           only folders
 *   *.log  **\/tmp    patterns (src/bake/pattern.ts)
 *   !keep.log        taken back in; the last line that matches decides
 *
 * As in git, nothing inside an ignored folder can be taken back in. Kiln's own files and .git are always left out: the
 * lock is written by the bake itself, and a new number of instances must not bake a new image.
 */
import { join } from 'node:path';

import { readIfThere } from '../platform/files.ts';
import { patternToRegExp } from './pattern.ts';

interface Rule {
  readonly text: string;
  readonly matches: RegExp;
  readonly foldersOnly: boolean;
  readonly negated: boolean;
}

/** The rule that leaves the path out, or null. Paths are relative to the recipe's folder, without a leading slash. */
export type Ignore = (path: string, isFolder: boolean) => string | null;

const ALWAYS = ['/.git', '/.kilnignore', '/kiln.waivers.yaml', '/kiln.yaml', '/kiln.lock', '/kiln.*.lock'];

export async function readIgnore(folder: string): Promise<Ignore> {
  return parseIgnore((await readIfThere(join(folder, '.kilnignore'))) ?? '');
}

export function parseIgnore(text: string): Ignore {
  const rules = [...text.split(/\r?\n/), ...ALWAYS].map(parseRule).filter((rule) => rule !== null);
  return (path, isFolder) => {
    const last = rules.findLast((rule) => (isFolder || !rule.foldersOnly) && rule.matches.test(path));
    return last === undefined || last.negated ? null : last.text;
  };
}

function parseRule(line: string): Rule | null {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return null;
  const negated = text.startsWith('!');
  const body = (negated ? text.slice(1) : text).replace(/^\\(?=[#!])/, '');
  const foldersOnly = body.endsWith('/');
  const path = foldersOnly ? body.slice(0, -1) : body;
  const anchored = path.includes('/');
  const pattern = anchored ? path.replace(/^\//, '') : `**/${path}`;
  return { text, matches: patternToRegExp(pattern), foldersOnly, negated };
}
