/** What two releases are launched with, besides their images. Pure. */
import type { Json } from '../domain/json.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { sha256 } from '../platform/hash.ts';
import { changesBetween } from './changes.ts';
import type { Change } from './contract.ts';
import { hiding } from './secrets.ts';

export const compareLaunch = (first: ReleaseContent, second: ReleaseContent): readonly Change[] =>
  changesBetween(launchOf(first), launchOf(second)).map(hiding);

/** Told by themselves. */
const APART: ReadonlySet<string> = new Set(['fleet', 'image', 'launch'] satisfies (keyof ReleaseContent)[]);

/** Of a file laid into instances its digest: the content of a configuration belongs into no list of values. */
function launchOf(content: ReleaseContent): Json {
  const files = content.launch.files.map(({ content: text, ...file }) => ({ ...file, content: sha256(text) }));
  const rest = Object.entries(content).filter(([key]) => !APART.has(key));
  return { ...content.launch, files, ...Object.fromEntries(rest) } as unknown as Json;
}
