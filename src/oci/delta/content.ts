/** What a delta leads from and to: a layer's tar, or a blob as it is. Both sides name the old by the digest of those bytes. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';

import type { Digest } from '../../domain/digest.ts';
import { openTar } from '../layer-tar.ts';
import type { Descriptor, ImageStore, Layer } from '../store.ts';

export interface Content {
  /** The digest of the bytes: of a layer its diff id. */
  readonly name: Digest;
  /** The blob that holds them. */
  readonly path: string;
  /** Null: the blob is the content. */
  readonly layer: Layer | null;
}

export async function layerContent(store: ImageStore, layer: Layer): Promise<Content> {
  return { name: layer.diffId, path: await store.blobPath(layer.descriptor.digest), layer };
}

export async function blobContent(store: ImageStore, { digest }: Pick<Descriptor, 'digest'>): Promise<Content> {
  return { name: digest, path: await store.blobPath(digest), layer: null };
}

export const openContent = ({ path, layer }: Content): Readable =>
  layer === null ? createReadStream(path, { highWaterMark: 1 << 20 }) : openTar(path, layer);
