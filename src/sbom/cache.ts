/** What was read from layers, kept on disk by digest and version of the readers: what a layer says never changes. */
import { join } from 'node:path';

import { type Digest, hexOf } from '../domain/digest.ts';
import { readIfThere, writeCacheJson } from '../platform/files.ts';
import { READERS_VERSION } from './layer-facts.ts';

interface Kept<T> {
  readonly format: number;
  readonly key: Digest;
  readonly value: T;
}

/** `read` is asked where nothing is kept; its answer is JSON. A damaged file is as none: the layers are there to be read. */
export async function cached<T>(folder: string, key: Digest, read: () => Promise<T>): Promise<T> {
  const path = join(folder, `${hexOf(key)}.json`);
  const kept = parsed<T>(await readIfThere(path));
  if (kept?.format === READERS_VERSION && kept.key === key) return kept.value;
  const value = await read();
  await writeCacheJson(path, { format: READERS_VERSION, key, value } satisfies Kept<T>);
  return value;
}

function parsed<T>(text: string | null): Kept<T> | null {
  try {
    return text === null ? null : (JSON.parse(text) as Kept<T>);
  } catch {
    return null;
  }
}
