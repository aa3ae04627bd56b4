/**
 * What is attached to images: OCI 1.1 manifests with a `subject`, listed in index.json beside the images. Kept by no tag:
 * an artifact stays as long as its subject and goes with it.
 */
import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import type { BlobFolder } from './blobs.ts';
import { OCI_EMPTY, OCI_MANIFEST } from './media-types.ts';
import { inParallel } from './parallel.ts';
import { type ArtifactManifest, type IndexEntry, invalid, MANIFEST_BYTES, parseArtifact } from './schema.ts';
import type { Artifact, Descriptor, Referrer } from './store.ts';

const AT_A_TIME = 8;
/** The configuration of what has none. */
const EMPTY = Buffer.from('{}');

/** Writes the artifact's blobs; answers its manifest, whose bytes depend on nothing else. */
export async function artifactManifest(blobs: BlobFolder, subject: Descriptor, artifact: Artifact): Promise<Uint8Array> {
  const layers: Descriptor[] = [];
  for (const { mediaType, content, annotations } of artifact.blobs) {
    layers.push({ mediaType, ...(await blobs.put(content)), ...(annotations === undefined ? {} : { annotations }) });
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: artifact.artifactType,
    config: { mediaType: OCI_EMPTY, ...(await blobs.put(EMPTY)) },
    layers,
    subject,
    ...(Object.keys(artifact.annotations).length === 0 ? {} : { annotations: artifact.annotations }),
  };
  return Buffer.from(canonicalJson(manifest));
}

/** Throws IMAGE_INVALID where the manifest names another subject than that, or a blob of it is missing or of another size. */
export async function checkArtifact(blobs: BlobFolder, digest: Digest, subject: Digest, found: ArtifactManifest): Promise<void> {
  const what = `artifact ${digest}`;
  if (found.subject.digest !== subject) throw invalid(what, `it is about ${found.subject.digest}, not about ${subject}`);
  if (digest === subject) throw invalid(what, 'it is its own subject');
  for (const part of [found.config, ...found.layers]) {
    const size = await blobs.sizeOf(part.digest);
    if (size === null) throw invalid(what, `its blob ${part.digest} is not in the store`);
    if (size !== part.size) throw invalid(what, `its blob ${part.digest} is ${size} bytes, not ${part.size}`);
  }
}

/** Remembers which manifest is about what: a manifest never changes, and each is read once. */
export class Subjects {
  readonly #known = new Map<Digest, Referrer | null>();
  readonly #blobs: BlobFolder;

  constructor(blobs: BlobFolder) {
    this.#blobs = blobs;
  }

  /** The artifacts among the entries. What is damaged, absent or an image is none. */
  async among(entries: readonly IndexEntry[]): Promise<readonly Referrer[]> {
    const manifests = new Map(
      entries.filter(({ mediaType }) => mediaType === OCI_MANIFEST).map((entry) => [entry.digest, entry]),
    );
    const unread = [...manifests.keys()].filter((digest) => !this.#known.has(digest));
    await inParallel(unread, AT_A_TIME, (digest) => this.#read(digest));
    return [...manifests.keys()].map((digest) => this.#known.get(digest) ?? null).filter((artifact) => artifact !== null);
  }

  /** What can't be read now is looked at again. */
  async #read(digest: Digest): Promise<void> {
    const bytes = await this.#blobs.read(digest, MANIFEST_BYTES).catch(() => null);
    if (bytes !== null) this.#known.set(digest, asReferrer(digest, bytes));
  }
}

/** Null: an image, or nothing that can be read. */
function asReferrer(digest: Digest, bytes: Uint8Array): Referrer | null {
  try {
    const { artifactType, layers, subject, annotations } = parseArtifact(bytes, `artifact ${digest}`);
    const size = bytes.length;
    return { mediaType: OCI_MANIFEST, digest, size, artifactType, subject: subject.digest, blobs: layers, annotations };
  } catch {
    return null;
  }
}

/** Of the artifacts those that hold on, over however many others, to one of `roots`. */
export function attachedTo(roots: Iterable<Digest>, artifacts: readonly Referrer[]): readonly Referrer[] {
  const bySubject = Map.groupBy(artifacts, ({ subject }) => subject);
  const reached = new Map<Digest, Referrer>();
  const open = [...roots];
  for (let subject = open.pop(); subject !== undefined; subject = open.pop()) {
    for (const artifact of bySubject.get(subject) ?? []) {
      if (reached.has(artifact.digest)) continue;
      reached.set(artifact.digest, artifact);
      open.push(artifact.digest);
    }
  }
  return [...reached.values()];
}
