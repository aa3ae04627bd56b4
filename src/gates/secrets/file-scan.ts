/**
 * Looks for secrets in a file as it streams by, and in what is packed into it: text of 16 bits a letter, gzip, tar, and
 * these in each other.
 */
import { createGunzip, gunzipSync } from 'node:zlib';

import type { ContentSink } from '../../oci/layer-scan.ts';
import { TarReader } from '../../oci/tar-reader.ts';
import { KilnError } from '../../errors/error.ts';
import { textScan } from './text-scan.ts';
import type { Sighting } from './text.ts';

const HEAD_BYTES = 512;
/** Within each other: an archive of an archive's archive is somebody's joke. */
const DEPTH = 4;

export interface FileScan {
  /** `inner`: the path within the file, where it is an archive. `line` as of `textScan`. */
  found(sighting: Sighting, line: number | null, inner: string | null): void;
  /** Asked before so many bytes that were packed are looked at; false: there are too many by now, and they are left out. */
  unpacks(bytes: number): boolean;
  /** What has to be waited for before more is written. */
  wait(work: Promise<void>): void;
}

interface Place {
  /** For the rules: the innermost that is known. */
  readonly path: string;
  readonly inner: string | null;
  readonly depth: number;
}

/** `path`: relative, bytes as latin1. */
export const fileScan = (path: string, scan: FileScan): ContentSink => looked({ path, inner: null, depth: 0 }, scan);

function looked(place: Place, scan: FileScan): ContentSink {
  let head: Buffer[] = [];
  let held = 0;
  let sink: ContentSink | null = null;
  const begin = (): ContentSink => {
    const bytes = Buffer.concat(head);
    head = [];
    sink = sinkFor(bytes, place, scan);
    sink.write(bytes);
    return sink;
  };
  return {
    write(bytes) {
      if (sink !== null) return sink.write(bytes);
      head.push(Buffer.from(bytes));
      held += bytes.length;
      if (held >= HEAD_BYTES) begin();
    },
    end() {
      if (held > 0) (sink ?? begin()).end();
    },
  };
}

function sinkFor(head: Buffer, place: Place, scan: FileScan): ContentSink {
  const plain = (): ContentSink => textScan(place.path, (sighting, line) => scan.found(sighting, line, place.inner));
  const order = wideOrder(head);
  if (order !== null) return narrowed(order, plain());
  if (place.depth >= DEPTH) return plain();
  const deeper = { ...place, depth: place.depth + 1 };
  if (head.subarray(0, 3).equals(GZIP)) {
    const path = place.path.replace(/\.gz$/i, '').replace(/\.tgz$/i, '.tar');
    return unpacked(looked({ ...deeper, path }, scan), scan);
  }
  return head.toString('latin1', 257, 262) === 'ustar' ? untarred(deeper, plain, scan) : plain();
}

/** RFC 1952: its magic number, and deflate, the only method there is. */
const GZIP = Buffer.from([0x1f, 0x8b, 8]);

/** Of text in UTF-16: by its mark, or because each second byte is 0 and all others are printable. */
function wideOrder(head: Buffer): 'little' | 'big' | null {
  if (head.length < 4) return null;
  if (head[0] === 0xff && head[1] === 0xfe && (head[2] !== 0 || head[3] !== 0)) return 'little';
  if (head[0] === 0xfe && head[1] === 0xff) return 'big';
  const start = head.subarray(0, 64);
  const isText = (first: 0 | 1): boolean =>
    start.length >= 16 &&
    start.every((byte, at) =>
      at % 2 === first ? byte === 9 || byte === 10 || byte === 13 || (byte > 31 && byte < 127) : byte === 0,
    );
  return isText(0) ? 'little' : isText(1) ? 'big' : null;
}

function narrowed(order: 'little' | 'big', to: ContentSink): ContentSink {
  let odd: Buffer = Buffer.alloc(0);
  return {
    write(bytes) {
      const all = Buffer.concat([odd, bytes]);
      const whole = all.subarray(0, all.length - (all.length % 2));
      odd = Buffer.from(all.subarray(whole.length));
      to.write(Buffer.from((order === 'big' ? whole.swap16() : whole).toString('utf16le')));
    },
    end: () => to.end(),
  };
}

/** Most packed files are small, and a stream for each costs more than they do. */
const AT_ONCE_BYTES = 256 << 10;
const OUT_BYTES = 64 << 20;

function unpacked(to: ContentSink, scan: FileScan): ContentSink {
  let pieces: Buffer[] = [];
  let held = 0;
  let stream: ContentSink | null = null;
  const streamed = (): ContentSink => {
    stream ??= streamUnpacked(to, scan);
    for (const piece of pieces) stream.write(piece);
    pieces = [];
    return stream;
  };
  return {
    write(bytes) {
      pieces.push(Buffer.from(bytes));
      held += bytes.length;
      if (held > AT_ONCE_BYTES) streamed();
    },
    end() {
      const whole = held > AT_ONCE_BYTES ? null : unpackedAtOnce(Buffer.concat(pieces));
      if (whole === null) return streamed().end();
      if (scan.unpacks(whole.length)) to.write(whole);
      to.end();
    },
  };
}

/** Null: it is damaged, or becomes large. */
function unpackedAtOnce(packed: Buffer): Buffer | null {
  try {
    return gunzipSync(packed, { maxOutputLength: OUT_BYTES });
  } catch {
    return null;
  }
}

/** What comes before a damaged place is looked at. */
function streamUnpacked(to: ContentSink, scan: FileScan): ContentSink {
  const gunzip = createGunzip();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  gunzip.on('data', (bytes: Buffer) => {
    if (gunzip.destroyed) return;
    if (scan.unpacks(bytes.length)) to.write(bytes);
    else gunzip.destroy();
  });
  gunzip.on('error', () => {});
  gunzip.on('close', () => {
    to.end();
    end();
  });
  return {
    write(bytes) {
      if (gunzip.destroyed) return;
      scan.wait(new Promise((resolve) => void gunzip.write(bytes, () => resolve())));
    },
    end() {
      gunzip.end();
      scan.wait(ended);
    },
  };
}

/** What is no archive after all, or not to its end, is text from there on. */
function untarred(place: Place, plain: () => ContentSink, scan: FileScan): ContentSink {
  let file: ContentSink | null = null;
  let rest: ContentSink | null = null;
  const reader = new TarReader({
    open({ path, kind }) {
      const inner = place.inner === null ? path : `${place.inner}/${path}`;
      file = kind === 'file' ? looked({ ...place, path, inner }, scan) : null;
    },
    write: (bytes) => file?.write(bytes),
    close() {
      file?.end();
      file = null;
    },
  });
  return {
    write(bytes) {
      if (rest !== null) return rest.write(bytes);
      try {
        reader.feed(bytes);
      } catch (error) {
        if (!(error instanceof KilnError)) throw error;
        rest = plain();
        rest.write(bytes);
      }
    },
    end() {
      file?.end();
      rest?.end();
    },
  };
}
