/** What an image looks like from within: its layers laid over each other, as a list of paths. Reads layers, unpacks none. */
import { createHash } from 'node:crypto';

import type { Digest } from '../domain/digest.ts';
import { linkPath } from './layer-paths.ts';
import { type ContentSink, scanLayer } from './layer-scan.ts';
import { Veil } from './layer-veil.ts';
import type { Image, ImageStore } from './store.ts';
import type { TarHeader } from './tar-format.ts';

export interface ImageFile extends TarHeader {
  /** The index of the layer that it is from, 0 the lowest. */
  readonly layer: number;
  /** sha256 of a file's content; null for what has none, or where contents were not asked for. Of a hard link: its target's. */
  readonly content: Digest | null;
}

export interface TreeOptions {
  /** Whether contents are hashed. */
  readonly contents: boolean;
  readonly signal: AbortSignal;
}

type Contents = Pick<ImageStore, 'openLayer'>;

/** Path → what is there, without the root itself; paths are relative, bytes as latin1. Throws as `scanLayer`. */
export async function imageTree(
  store: Contents,
  image: Pick<Image, 'layers'>,
  { contents, signal }: TreeOptions,
): Promise<ReadonlyMap<string, ImageFile>> {
  const tree = new Map<string, ImageFile>();
  for (const [index, layer] of image.layers.entries()) {
    signal.throwIfAborted();
    const own = new Map<string, ImageFile>();
    const veil = new Veil();
    await scanLayer(store, layer, {
      entry(header) {
        const { path, kind, target } = header;
        if (path === '') return null;
        if (kind !== 'folder') veil.add('whiteout', path);
        const linked = kind === 'hardlink' ? own.get(linkPath(target)) : undefined;
        own.set(path, { ...header, layer: index, size: linked?.size ?? header.size, content: linked?.content ?? null });
        if (kind !== 'file' || !contents) return null;
        return hashing((content) => own.set(path, { ...header, layer: index, content }));
      },
      hidden: ({ kind, path }) => veil.add(kind, path),
    });
    veil.apply(tree);
    for (const [path, file] of own) tree.set(path, file);
  }
  return tree;
}

function hashing(done: (content: Digest) => void): ContentSink {
  const hash = createHash('sha256');
  return { write: (bytes) => void hash.update(bytes), end: () => done(`sha256:${hash.digest('hex')}` as Digest) };
}

/**
 * The contents of an image's files for which `wanted` is true, as its instances see them; links are not followed. A file of
 * more than `maxBytes` is left out. Throws as `scanLayer`.
 */
export async function readImageFiles(
  store: Contents,
  image: Pick<Image, 'layers'>,
  wanted: (path: string) => boolean,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const layer of image.layers) {
    signal.throwIfAborted();
    const own = new Map<string, Buffer>();
    const veil = new Veil();
    await scanLayer(store, layer, {
      entry({ path, kind, size }) {
        if (kind !== 'folder') veil.add('whiteout', path);
        own.delete(path);
        if (kind !== 'file' || size > maxBytes || !wanted(path)) return null;
        const chunks: Buffer[] = [];
        return {
          write: (bytes) => void chunks.push(Buffer.from(bytes)),
          end: () => void own.set(path, Buffer.concat(chunks)),
        };
      },
      hidden: ({ kind, path }) => veil.add(kind, path),
    });
    veil.apply(found);
    for (const [path, content] of own) found.set(path, content);
  }
  return found;
}
