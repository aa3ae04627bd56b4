/**
 * What the garbage collector may take: images that nobody keeps, and blobs that no remaining image names. Nothing that was
 * written or asked for within the grace: a bake or a pull that is still running has no image yet to keep its blobs.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type Digest, isDigest } from '../domain/digest.ts';
import { attachedTo } from './artifacts.ts';
import type { BlobFolder } from './blobs.ts';
import { storedImages } from './index-file.ts';
import { type IndexEntry, MANIFEST_BYTES } from './schema.ts';
import type { GcPlan, Referrer } from './store.ts';

/** A transfer that nobody has gone on with for this long is given up. */
const ABANDONED_MS = 24 * 3600 * 1000;

interface Stored {
  readonly manifests: readonly IndexEntry[];
  /** Those of the manifests that have a subject. */
  readonly artifacts: readonly Referrer[];
  readonly keep: ReadonlySet<Digest>;
}

/** `before`: what was written or asked for after this moment (ms since the epoch) stays. */
export async function planGc(blobs: BlobFolder, stored: Stored, before: number): Promise<GcPlan> {
  const { manifests, artifacts, keep } = stored;
  const found = await blobFiles(blobs);
  const isYoung = (digest: Digest): boolean => (found.get(digest)?.touchedAt ?? 0) > before;
  const isArtifact = new Set(artifacts.map(({ digest }) => digest));
  const images = storedImages(manifests).filter(({ digest }) => !isArtifact.has(digest));
  const leaving = new Set(images.filter(({ digest }) => !keep.has(digest) && !isYoung(digest)).map(({ digest }) => digest));
  const staying = manifests.filter(({ digest }) => !leaving.has(digest));
  // What is kept need not be in the index: it holds what is attached to it all the same.
  const held = new Set(attachedTo([...rootsAmong(staying, artifacts), ...keep], artifacts).map(({ digest }) => digest));
  const loose = [...isArtifact].filter((digest) => !held.has(digest) && !isYoung(digest));
  const left = staying.filter(({ digest }) => !loose.includes(digest)).map(({ digest }) => digest);
  const { used, unreadable } = await usedBlobs(blobs, left, keep);
  if (unreadable.length > 0) return { images: [], artifacts: [], blobs: [], bytes: 0, unreadable, before };
  const free = [...found].filter(([digest]) => !used.has(digest) && !isYoung(digest));
  return {
    images: images.filter(({ digest }) => leaving.has(digest)).map(({ digest, tags }) => ({ digest, tags })),
    artifacts: loose,
    blobs: free.map(([digest]) => digest),
    bytes: free.reduce((sum, [, blob]) => sum + blob.size, 0),
    unreadable,
    before,
  };
}

/** What holds artifacts: everything that is not one itself. */
export function rootsAmong(entries: readonly IndexEntry[], artifacts: readonly Referrer[]): readonly Digest[] {
  const known = new Set(artifacts.map(({ digest }) => digest));
  return entries.map(({ digest }) => digest).filter((digest) => !known.has(digest));
}

/**
 * Every blob that the digests name, themselves included, through indexes and manifests of any kind. `unreadable`: what is
 * listed and can't be read. Nothing may be taken then: it might need anything. What is only to be kept need not be there.
 */
export async function usedBlobs(
  blobs: BlobFolder,
  listed: readonly Digest[],
  keep: Iterable<Digest> = [],
): Promise<{ readonly used: ReadonlySet<Digest>; readonly unreadable: readonly Digest[] }> {
  const used = new Set<Digest>();
  const unreadable: Digest[] = [];
  const isListed = new Set(listed);
  const open = [...listed, ...keep];
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    if (used.has(digest)) continue;
    used.add(digest);
    const bytes = await blobs.read(digest, MANIFEST_BYTES).catch(() => null);
    if (bytes === null && isListed.has(digest)) unreadable.push(digest);
    const document = documentOf(bytes);
    open.push(...digestsIn(document['manifests']));
    for (const named of digestsIn([document['config'], document['layers'], document['blobs']].flat())) used.add(named);
  }
  return { used, unreadable };
}

/** Takes transfers away that nobody goes on with. */
export async function removeAbandoned(blobs: BlobFolder, now: number): Promise<void> {
  for (const name of await readdir(blobs.incoming).catch(() => [])) {
    const path = join(blobs.incoming, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && found.mtimeMs < now - ABANDONED_MS) await rm(path, { force: true });
  }
}

/** Read leniently: what a stranger's artifact names is in use, too. Damaged documents name nothing. */
function documentOf(bytes: Uint8Array | null): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(Buffer.from(bytes ?? '{}').toString()) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function digestsIn(descriptors: unknown): readonly Digest[] {
  if (!Array.isArray(descriptors)) return [];
  return descriptors
    .map((descriptor) => (descriptor as { digest?: unknown } | null)?.digest)
    .filter((digest): digest is Digest => typeof digest === 'string' && isDigest(digest));
}

async function blobFiles(blobs: BlobFolder): Promise<ReadonlyMap<Digest, { touchedAt: number; size: number }>> {
  const found = new Map<Digest, { touchedAt: number; size: number }>();
  for (const name of await readdir(blobs.folder)) {
    const digest = `sha256:${name}`;
    const status = isDigest(digest) ? await stat(join(blobs.folder, name)).catch(() => null) : null;
    if (status?.isFile() === true) found.set(digest as Digest, { touchedAt: Math.floor(status.mtimeMs), size: status.size });
  }
  return found;
}
