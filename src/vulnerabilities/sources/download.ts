/** Sources that are addresses: kept as files, asked anew when they are old, and used as they are where nobody answers. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import * as z from 'zod';

import { hexOf } from '../../domain/digest.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { isThere, readIfThere, writeFileAtomic } from '../../platform/files.ts';
import { sha256 } from '../../platform/hash.ts';
import { unusable } from './files.ts';

/** A copy is believed this long. */
const FRESH_MS = 3_600_000;
const BYTES = 8 * 2 ** 30;
const DEADLINE_MS = 15 * 60_000;

const meta = z.object({ etag: z.string().nullable(), askedAt: z.number() });
type Meta = z.output<typeof meta>;

export interface DownloadOptions {
  readonly folder: string;
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface Download {
  readonly path: string;
  /** Why the copy may be old; null: it is as the source has it, or nearly so. */
  readonly stale: string | null;
}

/** Null where the source says that it has no such file. Throws VULNERABILITY_DATA where it can't be had and there is no copy. */
export async function download(url: string, { folder, now, signal }: DownloadOptions): Promise<Download | null> {
  const extension = new URL(url).pathname.endsWith('.zip') ? 'zip' : 'json';
  const path = join(folder, `${hexOf(sha256(url))}.${extension}`);
  const kept = (await isThere(path)) ? await readMeta(`${path}.meta`) : null;
  if (kept !== null && now >= kept.askedAt && now - kept.askedAt < FRESH_MS) return { path, stale: null };
  try {
    return (await fetched(url, path, kept, { now, signal })) ? { path, stale: null } : null;
  } catch (error) {
    signal.throwIfAborted();
    if (kept === null) throw error instanceof KilnError ? error : unusable(shownAddress(url), messageOf(error), error);
    return {
      path,
      stale: `${shownAddress(url)} can't be reached (${messageOf(error)}); the copy of ${dayOf(kept.askedAt)} is used`,
    };
  }
}

async function fetched(
  url: string,
  path: string,
  kept: Meta | null,
  { now, signal }: Omit<DownloadOptions, 'folder'>,
): Promise<boolean> {
  const response = await fetch(url, {
    headers: { 'user-agent': 'kiln', ...(kept?.etag == null ? {} : { 'if-none-match': kept.etag }) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
  });
  if (response.status === 404) return false;
  if (response.status !== 304) {
    if (!response.ok || response.body === null) throw new Error(`it answered ${response.status}`);
    await store(Readable.fromWeb(response.body), path);
  }
  const next: Meta = { etag: response.headers.get('etag') ?? kept?.etag ?? null, askedAt: now };
  await writeFileAtomic(`${path}.meta`, JSON.stringify(next));
  return true;
}

/** The old copy, or the new one: never a part. */
async function store(body: Readable, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  try {
    await pipeline(body, bounded(), createWriteStream(part, { mode: 0o600 }));
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

function bounded(): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > BYTES) done(new Error(`it is larger than ${BYTES >> 30} GiB`));
      else done(null, chunk);
    },
  });
}

async function readMeta(path: string): Promise<Meta | null> {
  try {
    return meta.parse(JSON.parse((await readIfThere(path)) ?? ''));
  } catch {
    return null;
  }
}

/** Without what may be a password. */
export function shownAddress(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
