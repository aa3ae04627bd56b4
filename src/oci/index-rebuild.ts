/**
 * A lost or damaged index.json, written again from the manifests among the blobs. Tags are in no blob: whoever journaled
 * them brings them. What gc had not yet taken comes back without a tag, and gc takes it again.
 */
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { isDigest, type Digest } from '../domain/digest.ts';
import { messageOf } from '../errors/error.ts';
import { readIfThere } from '../platform/files.ts';
import { BlobFolder } from './blobs.ts';
import { IndexFile, withImage, withTag } from './index-file.ts';
import { MANIFEST_TYPES, OCI_MANIFEST } from './media-types.ts';
import { type IndexEntry, MANIFEST_BYTES, mediaTypeOf, parseArtifact, parseManifest } from './schema.ts';

/** Why index.json needs to be written again; null where it is sound, or where there is nothing that it could list. */
export async function indexDamage(layout: string): Promise<string | null> {
  if ((await readIfThere(join(layout, 'index.json'))) === null) {
    const blobs = await readdir(new BlobFolder(layout).folder).catch(() => []);
    return blobs.length === 0 ? null : 'it is gone';
  }
  try {
    await new IndexFile(layout).read();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** `tags`: in the order in which they were given; of two images under one tag the first that is there has it. Answers the images. */
export async function rebuildIndex(
  layout: string,
  tags: readonly { readonly tag: string; readonly digest: Digest }[],
): Promise<readonly Digest[]> {
  const path = join(layout, 'index.json');
  if ((await readIfThere(path)) !== null) await rename(path, `${path}.damaged`);
  let entries: readonly IndexEntry[] = [];
  for (const { entry, storedAt } of await manifestsIn(new BlobFolder(layout))) {
    entries = withImage(entries, entry, storedAt) ?? entries;
  }
  const images = new Set(entries.filter(({ artifactType }) => artifactType === undefined).map(({ digest }) => digest));
  const given = new Set<string>();
  for (const { tag, digest } of tags) {
    if (given.has(tag) || !images.has(digest)) continue;
    given.add(tag);
    entries = withTag(entries, digest, tag);
  }
  const index = new IndexFile(layout);
  await index.open();
  await index.change(() => entries);
  return [...images];
}

interface Found {
  readonly entry: IndexEntry;
  readonly storedAt: number;
}

async function manifestsIn(blobs: BlobFolder): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const name of await readdir(blobs.folder)) {
    const digest = `sha256:${name}`;
    if (!isDigest(digest)) continue;
    const { size, mtimeMs } = await stat(blobs.pathOf(digest));
    if (size > MANIFEST_BYTES) continue;
    const entry = entryOf(digest, await blobs.read(digest, MANIFEST_BYTES).catch(() => null));
    if (entry !== null) found.push({ entry, storedAt: mtimeMs });
  }
  return found.toSorted((a, b) => a.storedAt - b.storedAt);
}

/** Null: damaged, or no manifest of an image or of what is attached to one. */
function entryOf(digest: Digest, bytes: Uint8Array | null): IndexEntry | null {
  if (bytes === null || bytes[0] !== '{'.codePointAt(0)) return null;
  const size = bytes.length;
  try {
    const { artifactType } = parseArtifact(bytes, digest);
    return { mediaType: OCI_MANIFEST, digest, size, artifactType };
  } catch {
    // Not an artifact; perhaps an image.
  }
  try {
    const mediaType = mediaTypeOf(bytes, digest);
    if (!MANIFEST_TYPES.includes(mediaType)) return null;
    parseManifest(bytes, digest);
    return { mediaType, digest, size };
  } catch {
    return null;
  }
}
