/**
 * What is attached to an image, to and from registries: by the referrers API of the distribution specification 1.1, and where
 * a registry has none by the specification's fallback, an index under the tag `sha256-<hex>` that clients keep up to date.
 */
import { readFile } from 'node:fs/promises';

import { type Digest, hexOf } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { KilnError } from '../errors/error.ts';
import { protocolError, retrying } from './http.ts';
import { INDEX_TYPES, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';
import { blobContent } from './delta/content.ts';
import { neighbourOf } from './delta/neighbour.ts';
import { pullFromOld, type TransferOptions } from './pull.ts';
import { pushBlobs, putManifest, type PushOptions } from './push.ts';
import type { Registry } from './registry.ts';
import { type IndexEntry, MANIFEST_BYTES, parseArtifact, parseIndex } from './schema.ts';
import type { Sources } from './sources.ts';
import type { ImageStore, Referrer } from './store.ts';

/** Of one image. Who attaches more hides something in them. */
const MOST_REFERRERS = 1000;
const MOST_PAGES = 50;
/** Of one artifact: an SBOM with everything is some MB. */
const ARTIFACT_BYTES = 64 << 20;
/** Documents of the same kind of the like image, which a new one is made from. */
const MOST_OLDER = 4;
/** A signature of an attestation of an image. */
const DEPTH = 2;

const fallbackTag = (subject: Digest): string => `sha256-${hexOf(subject)}`;

/** Answers how many artifacts the registry has of the image now that are in the store. The same again sends nothing. */
export async function pushReferrers(
  registry: Registry,
  subject: Digest,
  store: ImageStore,
  options: PushOptions = {},
  depth = DEPTH,
): Promise<number> {
  const here = depth === 0 ? [] : await store.referrers(subject);
  if (here.length === 0) return 0;
  const there = new Set((await listReferrers(registry, subject, [registry.pushScope])).map(({ digest }) => digest));
  const unlisted: Referrer[] = [];
  let count = here.length;
  for (const referrer of here) {
    if (!there.has(referrer.digest) && !(await pushArtifact(registry, referrer, store, options))) unlisted.push(referrer);
    count += await pushReferrers(registry, referrer.digest, store, options, depth - 1);
  }
  if (unlisted.length > 0) await addToFallback(registry, subject, unlisted);
  return count;
}

/** Whether the registry lists it by itself: it says so by the header `OCI-Subject`. */
async function pushArtifact(registry: Registry, referrer: Referrer, store: ImageStore, options: PushOptions): Promise<boolean> {
  const bytes = await readFile(await store.blobPath(referrer.digest));
  const { config, layers } = parseArtifact(bytes, `artifact ${referrer.digest}`);
  const blobs = [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
  const { onProgress: _, ...quiet } = options;
  await pushBlobs(registry, blobs, store, { ...quiet, mountFrom: null });
  const headers = await putManifest(registry, bytes, referrer.digest);
  return headers.get('oci-subject') === referrer.subject;
}

async function addToFallback(registry: Registry, subject: Digest, referrers: readonly Referrer[]): Promise<void> {
  const listed = await fallbackEntries(registry, subject, [registry.pushScope]);
  const added = referrers.map(({ digest, size, artifactType, annotations }) => ({
    mediaType: OCI_MANIFEST,
    digest,
    size,
    artifactType,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }));
  const manifests = [...listed.filter((entry) => !added.some(({ digest }) => digest === entry.digest)), ...added];
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  await putManifest(registry, Buffer.from(canonicalJson(index)), fallbackTag(subject));
}

/**
 * Into the store what it lacks, of an image that is there. Answers how many artifacts were taken; those that are no artifacts of
 * the image are left.
 */
export async function pullReferrers(
  sources: Sources,
  image: Digest,
  store: ImageStore,
  options: TransferOptions = {},
): Promise<number> {
  const layers = (await store.image(image)).layers.map(({ descriptor }) => descriptor);
  const neighbour = await neighbourOf({ digest: image, layers, name: sources.registry.repository }, store);
  const older = neighbour === null ? [] : await store.referrers(neighbour.image.digest);
  return pullAttached(sources, image, store, { ...options, older, depth: DEPTH });
}

interface AttachedOptions extends TransferOptions {
  /** What the like image here has of the same kinds. */
  readonly older: readonly Referrer[];
  readonly depth: number;
}

async function pullAttached(sources: Sources, subject: Digest, store: ImageStore, options: AttachedOptions): Promise<number> {
  if (options.depth === 0) return 0;
  const known = new Set((await store.referrers(subject)).map(({ digest }) => digest));
  const listed = await sources.first(async (registry) => {
    const found = await listReferrers(registry, subject, [registry.pullScope]);
    return found.length === 0 ? null : found;
  });
  let count = 0;
  for (const entry of listed ?? []) {
    options.signal?.throwIfAborted();
    const isKnown = known.has(entry.digest);
    if (!isKnown && !(await pullArtifact(sources, subject, entry, store, options.older))) continue;
    count += isKnown ? 0 : 1;
    count += await pullAttached(sources, entry.digest, store, { ...options, older: [], depth: options.depth - 1 });
  }
  return count;
}

/** False: it is nothing that can be attached to the image. */
async function pullArtifact(
  sources: Sources,
  subject: Digest,
  entry: IndexEntry,
  store: ImageStore,
  older: readonly Referrer[],
): Promise<boolean> {
  try {
    const fetched = await sources.first((registry) => registry.manifest(entry.digest));
    if (fetched === null) return false;
    const { artifactType, config, layers } = parseArtifact(fetched.bytes, `artifact ${entry.digest}`);
    const blobs = [config, ...layers];
    if (blobs.reduce((sum, { size }) => sum + size, 0) > ARTIFACT_BYTES) return false;
    const like = older.filter((each) => each.artifactType === artifactType).flatMap((each) => each.blobs);
    const old = await Promise.all(like.slice(0, MOST_OLDER).map((blob) => blobContent(store, blob)));
    for (const blob of blobs) await pullFromOld(sources, { descriptor: blob, isLayer: false }, old, store, () => {});
    await store.attachManifest(subject, fetched.bytes, entry.digest);
    return true;
  } catch (error) {
    if (error instanceof KilnError && (error.code === 'IMAGE_INVALID' || error.code === 'IMAGE_NOT_FOUND')) return false;
    throw error;
  }
}

async function listReferrers(registry: Registry, subject: Digest, scopes: readonly string[]): Promise<readonly IndexEntry[]> {
  return (await fromApi(registry, subject, scopes)) ?? fallbackEntries(registry, subject, scopes);
}

/** Null where the registry has no such API. Pages are followed as far as they are of this list, and none twice. */
async function fromApi(registry: Registry, subject: Digest, scopes: readonly string[]): Promise<readonly IndexEntry[] | null> {
  const entries: IndexEntry[] = [];
  const seen = new Set<string>();
  let next: string | URL | null = `${registry.repository}/referrers/${subject}`;
  while (next !== null) {
    const page = await pageOf(registry, next, scopes);
    if (page === null) return null;
    entries.push(...page.entries);
    next = page.next;
    if (next === null) break;
    if (seen.has(next.href) || seen.size >= MOST_PAGES) throw protocolError(next, 'its list of referrers has no end');
    seen.add(next.href);
    if (entries.length > MOST_REFERRERS) throw protocolError(next, `it lists more than ${MOST_REFERRERS} artifacts of one image`);
  }
  return entries;
}

interface Page {
  readonly entries: readonly IndexEntry[];
  readonly next: URL | null;
}

function pageOf(registry: Registry, path: string | URL, scopes: readonly string[]): Promise<Page | null> {
  return retrying(registry.name, registry.transport, async () => {
    const answer = await registry.call({ method: 'GET', path, headers: { accept: OCI_INDEX }, scopes });
    const type = answer.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
    // Who knows nothing of referrers answers with all kinds of refusals, and some with a page for people.
    if (answer.status !== 200 || !INDEX_TYPES.includes(type)) {
      answer.cancel();
      return null;
    }
    const bytes = await answer.bytes(MANIFEST_BYTES);
    if (bytes === null) throw protocolError(answer.url, 'its list of referrers is longer than a manifest may be');
    const { manifests } = parseIndex(bytes, 'the list of referrers');
    return { entries: manifests, next: nextOf(answer.headers.get('link'), answer.url) };
  });
}

/** RFC 8288, as the distribution specification uses it; never to another host. */
function nextOf(link: string | null, from: URL): URL | null {
  const target = /^\s*<([^<>]{1,4096})>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, from.href)) return null;
  const url = new URL(target, from);
  if (url.origin === from.origin) return url;
  throw protocolError(from, 'its list of referrers goes on at another host');
}

async function fallbackEntries(registry: Registry, subject: Digest, scopes: readonly string[]): Promise<readonly IndexEntry[]> {
  const tag = fallbackTag(subject);
  const found = await registry.find(tag, scopes);
  if (found === null || !INDEX_TYPES.includes(found.mediaType)) return [];
  const { bytes, digest } = await registry.manifest(found.digest, scopes);
  return parseIndex(bytes, `index ${digest}`).manifests.slice(0, MOST_REFERRERS);
}
