/** What two releases are launched with, besides their images. Pure. */
import type { Json } from '../domain/json.ts';
import { placeOf } from '../domain/reference.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { sha256 } from '../platform/hash.ts';
import { changesBetween } from './changes.ts';
import type { Change } from './contract.ts';
import { hiding } from './secrets.ts';

export const compareLaunch = (first: ReleaseContent, second: ReleaseContent): readonly Change[] =>
  changesBetween(launchOf(first), launchOf(second)).map((change) =>
    change.where[0] === 'references' ? { ...change, hidden: false } : hiding(change),
  );

/** Told by themselves. */
const APART: ReadonlySet<string> = new Set(['fleet', 'image', 'launch'] satisfies (keyof ReleaseContent)[]);

/**
 * References are shown: they say where a value is, and never what it is. Of a file laid into instances its digest: the content of a configuration
 * belongs into no list of values.
 */
function launchOf(content: ReleaseContent): Json {
  const files = content.launch.files.map(({ content: text, ...file }) => ({ ...file, content: sha256(text) }));
  const rest = Object.entries(content).filter(([key]) => !APART.has(key));
  const references = (content.launch.references ?? []).map(({ from, to, pin }) => ({
    name: placeOf(to),
    from,
    version: pin.version ?? `value ${pin.fingerprint.slice(0, 8)}`,
  }));
  return { ...content.launch, files, references, ...Object.fromEntries(rest) } as unknown as Json;
}
