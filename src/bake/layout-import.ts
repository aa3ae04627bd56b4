/** Brings an image of another OCI layout on disk into the store, every digest checked on the way. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { hexOf, type Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { parseManifest } from '../oci/schema.ts';
import { openImageStore } from '../oci/layout.ts';
import type { Image, ImageStore } from '../oci/store.ts';
import { readIfThere } from '../platform/files.ts';

/** `digest` null: the layout must hold exactly one image. BASE_UNAVAILABLE where there is none or no layout. */
export async function importLayout(folder: string, digest: Digest | null, store: ImageStore): Promise<Image> {
  if ((await readIfThere(join(folder, 'oci-layout'))) === null) {
    throw unavailable(
      `${folder} is not an OCI layout`,
      'it must hold oci-layout, index.json and blobs; `skopeo copy … oci:PATH` makes one',
    );
  }
  const wanted = digest ?? (await onlyImage(folder));
  const blob = (name: Digest): string => join(folder, 'blobs', 'sha256', hexOf(name));
  const bytes = await readFile(blob(wanted)).catch((cause: unknown) => {
    throw unavailable(`the layout ${folder} holds no image ${wanted}`, 'name one of the digests in its index.json', cause);
  });
  const manifest = parseManifest(bytes, wanted);
  for (const part of [manifest.config, ...manifest.layers]) {
    if (!(await store.hasBlob(part.digest, part.size))) await store.putBlob(createReadStream(blob(part.digest)), part);
  }
  return store.image(await store.putManifest(bytes, wanted));
}

async function onlyImage(folder: string): Promise<Digest> {
  const images = await (await openImageStore(folder)).list();
  const [first, ...more] = images;
  if (first !== undefined && more.length === 0) return first.digest;
  const found = first === undefined ? 'no image' : `${images.length} images`;
  throw unavailable(`the layout ${folder} holds ${found}`, 'name the one that is meant by its digest');
}

function unavailable(message: string, hint: string, cause?: unknown): KilnError {
  return new KilnError('BASE_UNAVAILABLE', message, { hint, cause });
}
