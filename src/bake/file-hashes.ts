/**
 * Content hashes of the recipe's files, remembered by (path, size, mtime, ctime, inode), so that an unchanged bake reads
 * no file. One JSON file per recipe folder under home.bake/hashes; losing it costs only time.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { Digest } from '../domain/digest.ts';
import { readIfThere, writeCacheFile } from '../platform/files.ts';
import { sha256 } from '../platform/hash.ts';
import type { Home } from '../platform/home.ts';

/** A file whose inode changed this recently may change again without its times showing it; it isn't remembered. */
const SETTLED_MS = 2000;

export interface FileHashes {
  /** The digest of the file's bytes. The file must not be a link. */
  digestOf(path: string): Promise<Digest>;
  /** Whether the file is still the one that `digestOf` read. */
  unchanged(path: string): Promise<boolean>;
  save(): Promise<void>;
}

interface Known {
  readonly stamp: string;
  readonly digest: Digest;
}

export async function openFileHashes(home: Home, folder: string, now: () => number): Promise<FileHashes> {
  const file = join(home.bake, 'hashes', `${sha256(folder).slice(7, 23)}.json`);
  const before = parse(await readIfThere(file));
  const used = new Map<string, Known>();
  const unsettled = new Set<string>();
  const digestOf = async (path: string): Promise<Digest> => {
    const { stamp, changedMs } = await stampOf(path);
    const known = used.get(path) ?? before.get(path);
    const digest = known?.stamp === stamp ? known.digest : await hashFile(path);
    used.set(path, { stamp, digest });
    if (changedMs > now() - SETTLED_MS) unsettled.add(path);
    return digest;
  };
  return {
    digestOf,
    unchanged: async (path) => (await stampOf(path)).stamp === used.get(path)?.stamp,
    save: async () => {
      const kept = [...used].filter(([path]) => !unsettled.has(path));
      const same = kept.length === before.size && kept.every(([path, known]) => before.get(path)?.stamp === known.stamp);
      if (!same) await writeCacheFile(file, JSON.stringify(kept));
    },
  };
}

async function stampOf(path: string): Promise<{ stamp: string; changedMs: number }> {
  const stat = await lstat(path, { bigint: true });
  const stamp = [stat.size, stat.mtimeNs, stat.ctimeNs, stat.ino, stat.dev].join(' ');
  return { stamp, changedMs: Number(stat.ctimeNs / 1_000_000n) };
}

async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}` as Digest;
}

function parse(text: string | null): ReadonlyMap<string, Known> {
  try {
    return new Map(JSON.parse(text ?? '[]') as [string, Known][]);
  } catch {
    return new Map(); // Unreadable is only a lost memory.
  }
}
