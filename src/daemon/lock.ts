/**
 * One daemon per home. The lock is the operating system's, on a file of SQLite's: it goes with its process however that
 * ends, so there is no stale lock to judge.
 */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { answers } from '../client/connect.ts';
import { KilnError } from '../errors/error.ts';
import type { Home } from '../platform/home.ts';

export interface Lock {
  release(): void;
}

const lockFile = (home: Home): string => join(home.root, 'daemon.lock');

/** Throws DAEMON_RUNNING while another daemon has the home. Says in the home whose it is, for callers that get no answer. */
export function lockHome(home: Home): Lock {
  const db = new DatabaseSync(lockFile(home), { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw running(home, cause);
  }
  writeFileSync(home.pidFile, `${process.pid}\n`, { mode: 0o600 });
  return {
    release() {
      rmSync(home.pidFile, { force: true });
      db.close();
    },
  };
}

const WATCH_MS = 1_000;

/**
 * Calls back, once, when the file of the lock is no longer the one that was there: the home was removed, or another put in
 * its place. What passes by itself (a disk that does not answer for a moment) is not that. Returns the way to stop.
 */
export function watchLock(home: Home, lost: () => void): () => void {
  const identity = (): string | null => {
    const file = statSync(lockFile(home), { throwIfNoEntry: false });
    return file === undefined ? null : `${file.dev}:${file.ino}`;
  };
  const ours = identity();
  const timer = setInterval(() => {
    try {
      if (identity() === ours) return;
    } catch {
      return;
    }
    clearInterval(timer);
    lost();
  }, WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Makes room for the daemon's own socket: one that nobody answers on is left from a daemon that was killed. */
export async function clearSocket(home: Home): Promise<void> {
  if (await answers(home.socket)) throw running(home);
  await rm(home.socket, { force: true });
}

const running = (home: Home, cause?: unknown): KilnError =>
  new KilnError('DAEMON_RUNNING', `another daemon runs on ${home.root}`, {
    hint: 'use it, stop it with `kiln down`, or set KILN_HOME to another folder',
    cause,
  });
