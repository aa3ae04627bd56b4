/** What was found in a layer, kept by the layer's content and the version of the rules: the same layer is read once. */
import { join } from 'node:path';

import { hexOf } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import { readIfThere, writeCacheJson } from '../platform/files.ts';
import type { Layer } from '../oci/store.ts';

/** `name` changes with the rules: it is the folder that results of these rules are in. A damaged result is made anew. */
export async function onceForLayer<T extends Json>(
  cacheFolder: string,
  name: string,
  { diffId }: Layer,
  read: () => Promise<T>,
): Promise<T> {
  const path = join(cacheFolder, name, `${hexOf(diffId)}.json`);
  const kept = parsed(await readIfThere(path));
  if (kept !== null) return kept as T;
  const found = await read();
  await writeCacheJson(path, found);
  return found;
}

function parsed(text: string | null): Json {
  try {
    return text === null ? null : (JSON.parse(text) as Json);
  } catch {
    return null;
  }
}
