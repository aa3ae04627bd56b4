/**
 * Layers, made so that the same content always has the same digest: entries in one order, numeric owners, whole seconds no
 * later than an epoch that the caller gives, no names, no times of today; and one gzip form. (The compressed bytes depend on
 * the zlib inside Node, which the project pins; the diff id depends on nothing.)
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

import type { Digest } from '../domain/digest.ts';
import type { LayerCompression } from '../domain/recipe.ts';
import { type ArchiveEntry, archiveBlocks, NO_EXTRAS, whiteoutEntry } from './archive.ts';
import { folderEntries, type FolderOptions } from './folder-entries.ts';
import { compressedBlocks } from './compress.ts';
import { OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from './media-types.ts';
import type { ImageStore, Layer } from './store.ts';
import { shown, unsafe } from './tar-format.ts';
import { readXattrs } from './xattrs.ts';

interface Attributes {
  /** Relative to the root, no leading or trailing slash. */
  readonly path: string;
  /** As in chmod; 0o7777 at most. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Absent: the epoch. Later than the epoch: the epoch. */
  readonly mtimeSeconds?: number;
}

/** What a layer is made from. Folders that are not listed are not in the layer: list every parent whose owner or mode matters. */
export type LayerEntry =
  | (Attributes & { readonly kind: 'folder' })
  /** `content`: the bytes, or the path of a file on this machine with the size that will be read. */
  | (Attributes & { readonly kind: 'file'; readonly content: Uint8Array | { readonly from: string; readonly size: number } })
  | (Attributes & { readonly kind: 'symlink'; readonly target: string })
  /** `target`: the path of a file entry of the same layer that sorts before this one. */
  | (Attributes & { readonly kind: 'hardlink'; readonly target: string })
  /** Removes what lower layers have at the path. */
  | { readonly kind: 'whiteout'; readonly path: string };

export type LayerOptions = Pick<FolderOptions, 'epochSeconds'>;

const MEDIA_TYPES: Readonly<Record<LayerCompression, string>> = { gzip: OCI_LAYER_GZIP, zstd: OCI_LAYER_ZSTD };

type BlobSink = Pick<ImageStore, 'putBlob'>;

/** Entries in any order. Throws LAYER_UNSAFE for two entries of one path or a malformed path. */
export async function writeLayer(store: BlobSink, entries: Iterable<LayerEntry>, options: LayerOptions): Promise<Layer> {
  const archive = [...entries].map((entry) => asArchiveEntry(entry, options.epochSeconds)).toSorted(byPath);
  const twice = archive.find((entry, at) => at > 0 && archive[at - 1]?.header.path === entry.header.path);
  if (twice !== undefined) throw unsafe(`two entries have the path ${shown(twice.header.path)}`, 'list each path once');
  return storeArchive(store, archive, 'gzip');
}

/** All of the folder but itself, as root of the layer. Sockets and device nodes are left out; hard links within it are kept. */
export async function layerFromFolder(
  store: BlobSink,
  root: string,
  options: FolderOptions,
  compression: LayerCompression = 'gzip',
): Promise<Layer> {
  const xattrs = await readXattrs(root);
  return storeArchive(store, folderEntries(Buffer.from(root), xattrs, options), compression);
}

/** Streams: a few blocks at a time are in memory, whatever the layer's size. */
async function storeArchive(store: BlobSink, entries: Iterable<ArchiveEntry>, compression: LayerCompression): Promise<Layer> {
  const tar = createHash('sha256');
  const compressed = compressedBlocks(archiveBlocks(entries), compression, (block) => tar.update(block));
  const blob = await store.putBlob(Readable.from(compressed, { objectMode: false, highWaterMark: 4 << 20 }));
  return {
    descriptor: { mediaType: MEDIA_TYPES[compression], digest: blob.digest, size: blob.size },
    diffId: `sha256:${tar.digest('hex')}` as Digest,
  };
}

/** The order of a walk that sorts each folder's names: a folder's content follows it directly. */
function byPath(a: ArchiveEntry, b: ArchiveEntry): number {
  const [left, right] = [a, b].map((entry) => entry.header.path.replace(/\/$/, '').replaceAll('/', '\0'));
  return left === right ? 0 : (left ?? '') < (right ?? '') ? -1 : 1;
}

function asArchiveEntry(entry: LayerEntry, epochSeconds: number): ArchiveEntry {
  const path = checkedPath(entry.path);
  if (entry.kind === 'whiteout') return whiteoutEntry(path, epochSeconds);
  const from = entry.kind === 'file' ? entry.content : null;
  const content = from === null || from instanceof Uint8Array ? from : { from: Buffer.from(from.from) };
  const size = from === null ? 0 : from instanceof Uint8Array ? from.length : from.size;
  const target = entry.kind === 'symlink' ? latin(entry.target) : entry.kind === 'hardlink' ? checkedPath(entry.target) : '';
  const { mode, uid, gid, kind } = entry;
  const mtimeSeconds = Math.min(Math.max(Math.floor(entry.mtimeSeconds ?? epochSeconds), 0), epochSeconds);
  const header = { ...NO_EXTRAS, path: kind === 'folder' ? `${path}/` : path, kind, mode, uid, gid, size, mtimeSeconds, target };
  return { header, content };
}

function checkedPath(path: string): string {
  const parts = path.split('/');
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..' || part.startsWith('.wh.'))) {
    throw unsafe(
      `"${path}" cannot be a path in a layer`,
      'give a path relative to the root, without "..", and no name that starts with ".wh."',
    );
  }
  return latin(path);
}

const latin = (text: string): string => Buffer.from(text).toString('latin1');
