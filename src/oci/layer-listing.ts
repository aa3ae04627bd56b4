/** What one layer holds and hides, by itself: no root is needed, and nothing is unpacked. */
import { createHash } from 'node:crypto';

import type { Digest } from '../domain/digest.ts';
import { linkPath } from './layer-paths.ts';
import type { ContentSink, LayerVisitor } from './layer-scan.ts';
import { type TarHeader, unsafe } from './tar-format.ts';

export interface LayerFile extends Omit<TarHeader, 'path'> {
  /** sha256 of a file's content; null for what has none, or where contents were not asked for. */
  readonly content: Digest | null;
}

export interface LayerListing {
  /**
   * Relative path, '' is the root itself, bytes as latin1 → its last entry. A hard link is all that the file is that it is
   * another name of, and its target is that file's path, however many links lie between.
   */
  readonly files: ReadonlyMap<string, LayerFile>;
  /** What it removes from the layers below. What stands in the place of something hides that too, and is not listed here. */
  readonly whiteouts: readonly string[];
  /** Folders that show nothing of the layers below. */
  readonly opaque: readonly string[];
}

/** Names, targets and attributes of one layer are held in memory: no honest layer has more. */
const NAME_BYTES = 128 << 20;

export interface ListingReader extends LayerVisitor {
  /** Once the layer has been read to its end. */
  listing(): LayerListing;
}

/** `contents`: whether they are hashed. */
export function listingReader({ contents }: { readonly contents: boolean }): ListingReader {
  const files = new Map<string, LayerFile>();
  const whiteouts: string[] = [];
  const opaque: string[] = [];
  let held = 0;
  const hold = (bytes: number): void => {
    held += bytes;
    if (held > NAME_BYTES) throw unsafe(`the names and attributes of the layer take more than ${NAME_BYTES} bytes`);
  };
  return {
    entry({ path, ...header }) {
      hold(path.length + header.target.length);
      for (const [name, value] of header.xattrs) hold(name.length + value.length);
      files.set(path, header.kind === 'hardlink' ? linked(header, files) : { ...header, content: null });
      if (header.kind !== 'file' || !contents) return null;
      return hashing((content) => void files.set(path, { ...header, content }));
    },
    hidden({ kind, path }) {
      hold(path.length);
      (kind === 'whiteout' ? whiteouts : opaque).push(path);
    },
    listing: () => ({ files, whiteouts, opaque }),
  };
}

function linked(header: Omit<TarHeader, 'path'>, files: ReadonlyMap<string, LayerFile>): LayerFile {
  const target = linkPath(header.target);
  const file = files.get(target);
  if (file === undefined) return { ...header, target, content: null };
  if (file.kind === 'symlink') return file;
  return { ...file, kind: 'hardlink', target: file.kind === 'hardlink' ? file.target : target };
}

function hashing(done: (content: Digest) => void): ContentSink {
  const hash = createHash('sha256');
  return { write: (bytes) => void hash.update(bytes), end: () => done(`sha256:${hash.digest('hex')}` as Digest) };
}
