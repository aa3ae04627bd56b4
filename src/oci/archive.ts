/** An archive being written: entries in the order given, as the blocks of a tar. The order is the caller's. */
import { closeSync, openSync, readSync } from 'node:fs';

import { KilnError } from '../errors/error.ts';
import { BLOCK, encodeHeader, paddingOf, type TarHeader } from './tar-format.ts';

/** One entry in archive form: bytes as latin1, and where the content is. */
export interface ArchiveEntry {
  readonly header: TarHeader;
  readonly content: Uint8Array | { readonly from: Buffer } | null;
}

export const NO_EXTRAS = { device: { major: 0, minor: 0 }, xattrs: new Map<string, string>(), target: '', size: 0 } as const;

/** `.wh.NAME`: an empty file beside which nothing of that name from below is seen (OCI image-spec, layer.md, "Whiteouts"). */
export function whiteoutEntry(path: string, epochSeconds: number): ArchiveEntry {
  const cut = path.lastIndexOf('/') + 1;
  const marker = `${path.slice(0, cut)}.wh.${path.slice(cut)}`;
  const header = { ...NO_EXTRAS, path: marker, kind: 'file', mode: 0o644, uid: 0, gid: 0, mtimeSeconds: epochSeconds } as const;
  return { header, content: null };
}

const TAR_BLOCK = 1 << 20;

/** The archive in blocks of exactly 1 MiB and a last one: the unit of compression must not depend on how entries fall. */
export function* archiveBlocks(entries: Iterable<ArchiveEntry>): Generator<Buffer> {
  let block = Buffer.allocUnsafe(TAR_BLOCK);
  let used = 0;
  for (const piece of archivePieces(entries)) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(block, used, at);
      at += copied;
      used += copied;
      if (used < TAR_BLOCK) continue;
      yield block;
      block = Buffer.allocUnsafe(TAR_BLOCK);
      used = 0;
    }
  }
  if (used > 0) yield block.subarray(0, used);
}

function* archivePieces(entries: Iterable<ArchiveEntry>): Generator<Buffer> {
  for (const { header, content } of entries) {
    yield encodeHeader(header);
    if (content instanceof Uint8Array) yield Buffer.from(content);
    else if (content !== null) yield* fileContent(content.from, header);
    yield Buffer.alloc(paddingOf(header.size));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Exactly the size that the header has promised. */
function* fileContent(path: Buffer, header: TarHeader): Generator<Buffer> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(header.size, TAR_BLOCK));
    for (let left = header.size; left > 0;) {
      const read = readSync(file, buffer, 0, Math.min(left, buffer.length), null);
      if (read === 0) throw changed(path, header);
      left -= read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

function changed(path: Buffer, header: TarHeader): KilnError {
  return new KilnError('FILE_UNREADABLE', `${path.toString()} became shorter than ${header.size} bytes while it was read`, {
    hint: 'bake again when nothing writes to the file',
  });
}
