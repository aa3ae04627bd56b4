/** What two releases are launched with, besides their images. Pure. */
import type { Json } from '../domain/json.ts';
import { placeOf } from '../domain/reference.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { changesBetween } from './changes.ts';
import type { Change } from './contract.ts';
import { hiding, showing } from './secrets.ts';

export const compareLaunch = (first: ReleaseContent, second: ReleaseContent): readonly Change[] => [
  ...changesBetween(launchOf(first), launchOf(second)).map((change) =>
    change.where[0] === 'references' ? showing(change) : hiding(change),
  ),
  ...changedFiles(first, second),
];

/** Told by themselves. */
const APART: ReadonlySet<string> = new Set(['fleet', 'image', 'launch'] satisfies (keyof ReleaseContent)[]);

/**
 * References are shown: they say where a value is, and never what it is. Of a file laid into instances, what it holds is
 * told nobody: it may be a secret whatever it is called.
 */
function launchOf(content: ReleaseContent): Json {
  const files = content.launch.files.map(({ path, mode }) => ({ path, mode }));
  const rest = Object.entries(content).filter(([key]) => !APART.has(key));
  const references = (content.launch.references ?? []).map(({ from, to, pin }) => ({
    name: placeOf(to),
    from,
    version: pin.version ?? `value ${pin.fingerprint.slice(0, 8)}`,
  }));
  return { ...content.launch, files, references, ...Object.fromEntries(rest) } as unknown as Json;
}

/** Files that both have, with another content. */
function changedFiles(first: ReleaseContent, second: ReleaseContent): readonly Change[] {
  const before = new Map(first.launch.files.map(({ path, content }) => [path, content]));
  return second.launch.files
    .filter(({ path, content }) => before.has(path) && before.get(path) !== content)
    .map(({ path }) => ({ where: ['files', path, 'content'], what: 'changed', first: null, second: null, hidden: true }));
}
