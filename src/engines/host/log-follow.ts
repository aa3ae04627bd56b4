/** Reading a log to its end and beyond: over rotations, from any position, as long as anybody writes. */
import { EventEmitter, once } from 'node:events';
import { watch } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { filesOf } from './log-files.ts';
import { createLineParser, type LogLine } from './log-lines.ts';

/** A place in a log that outlives rotation: files keep their inode when they are renamed. */
export interface LogPosition {
  readonly inode: number;
  readonly offset: number;
}

export interface LogBatch {
  readonly lines: readonly LogLine[];
  /** Behind these lines. */
  readonly position: LogPosition;
}

export interface FollowOptions {
  /** Null: from the oldest line that is kept. A position in a file that is gone means the same. */
  readonly from: LogPosition | null;
  /** Whether nobody will write any more. Asked at the end of the log, and then the log is read once more. */
  readonly isOver: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

const PIECE_BYTES = 256 << 10;
/** The watch can miss an event, and nothing tells that an instance is gone. */
const LOOK_MS = 500;

/** Ends when the log is over, or the signal fires. */
export async function* followLog(path: string, options: FollowOptions): AsyncGenerator<LogBatch> {
  const changes = watchLog(path);
  try {
    let position = options.from;
    while (!options.signal.aborted) {
      const over = await options.isOver();
      for await (const batch of readOn(path, position)) {
        yield batch;
        position = batch.position;
        if (options.signal.aborted) return;
      }
      if (over) return;
      await changes.next(options.signal);
    }
  } finally {
    changes.close();
  }
}

/** All that is there now, behind the position. */
export async function* readOn(path: string, from: LogPosition | null): AsyncGenerator<LogBatch> {
  const files = await Promise.all((await filesOf(path)).map(async (file) => ({ file, inode: await inodeOf(file) })));
  const at = from === null ? -1 : files.findIndex(({ inode }) => inode === from.inode);
  for (const { file, inode } of files.slice(Math.max(at, 0))) {
    if (inode !== null) yield* readFileOn(file, inode, from?.inode === inode ? from.offset : 0);
  }
}

async function* readFileOn(path: string, inode: number, offset: number): AsyncGenerator<LogBatch> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return;
  try {
    // Renamed since it was listed: the next look finds it under its new name.
    if ((await file.stat()).ino !== inode) return;
    const parser = createLineParser();
    for (let at = offset; ;) {
      const piece = await readPiece(file, at);
      if (piece.length === 0) return;
      at += piece.length;
      yield { lines: parser.feed(piece), position: { inode, offset: offset + parser.settled() } };
    }
  } finally {
    await file.close();
  }
}

async function readPiece(file: FileHandle, at: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, at);
  return buffer.subarray(0, bytesRead);
}

const inodeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ ino }) => ino,
    () => null,
  );

/** `next` resolves at the next write to the log, or a little later anyway. */
function watchLog(path: string): { next(signal: AbortSignal): Promise<void>; close(): void } {
  const changes = new EventEmitter();
  let changed = false;
  const watcher = watch(dirname(path), (_, name) => {
    if (name !== basename(path)) return;
    changed = true;
    changes.emit('change');
  });
  watcher.on('error', () => {}); // Looking now and then goes on.
  return {
    next: async (signal) => {
      const either = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
      if (!changed) await once(changes, 'change', { signal: either }).catch(() => {});
      changed = false;
    },
    close: () => watcher.close(),
  };
}
