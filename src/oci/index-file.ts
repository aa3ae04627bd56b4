/**
 * index.json: which images are in a layout and under which tags. One descriptor for each tag, or one without a tag; so
 * do skopeo and umoci. Every change is one atomic replacement, and changes of one process take turns.
 */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { MANIFEST_TYPES, OCI_INDEX } from './media-types.ts';
import { type ImageIndex, type IndexEntry, invalid, parseStoreIndex } from './schema.ts';
import type { StoredImage } from './store.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
/** When the image came into this layout, ISO 8601. Ours: the specification has no such annotation. */
const STORED_AT = 'dev.kiln.stored-at';
const VERSION = '1.0.0';

export const tagOf = (entry: IndexEntry): string | null => entry.annotations?.[REF_NAME] ?? null;

export class IndexFile {
  readonly #layout: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(layout: string) {
    this.#layout = layout;
  }

  /** Makes an empty layout, or checks that what is there is one. */
  async open(): Promise<void> {
    const marker = await readIfThere(join(this.#layout, 'oci-layout'));
    if (marker === null) {
      await writeFileAtomic(join(this.#layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: VERSION }), 0o644);
    } else if (versionOf(marker) !== VERSION) {
      throw invalid(`the layout in ${this.#layout}`, `its oci-layout file does not say version ${VERSION}`);
    }
    if ((await readIfThere(join(this.#layout, 'index.json'))) === null) await this.#write([]);
  }

  async read(): Promise<ImageIndex> {
    const path = join(this.#layout, 'index.json');
    const text = await readIfThere(path);
    try {
      return parseStoreIndex(Buffer.from(text ?? ''), path);
    } catch (cause) {
      throw new KilnError('IMAGE_INVALID', messageOf(cause), {
        hint: 'start the daemon anew (`kiln down --keep`, `kiln up`): it writes the index again from the manifests and the history',
        cause,
      });
    }
  }

  /** `next` answers the new list, or null for no change. */
  async change(next: (entries: readonly IndexEntry[]) => readonly IndexEntry[] | null): Promise<void> {
    const run = async (): Promise<void> => {
      const entries = next((await this.read()).manifests);
      if (entries !== null) await this.#write(entries);
    };
    const mine = this.#last.then(run, run);
    this.#last = mine.catch(() => {}); // Its own caller hears of it; the next in turn must not.
    await mine;
  }

  async #write(manifests: readonly IndexEntry[]): Promise<void> {
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    await writeFileAtomic(join(this.#layout, 'index.json'), JSON.stringify(index), 0o644);
  }
}

/** The entries with an image added; null where it is there already. */
export function withImage(entries: readonly IndexEntry[], image: IndexEntry, now: number): readonly IndexEntry[] | null {
  if (entries.some((entry) => entry.digest === image.digest)) return null;
  return [...entries, { ...image, annotations: { ...image.annotations, [STORED_AT]: new Date(now).toISOString() } }];
}

/** The entries with one tag more. The image must be among them; a descriptor without a tag takes it. */
export function withTag(entries: readonly IndexEntry[], digest: Digest, tag: string): readonly IndexEntry[] {
  const at = entries.findIndex((entry) => entry.digest === digest && tagOf(entry) === null);
  const source = entries[at] ?? entries.find((entry) => entry.digest === digest);
  if (source === undefined) return entries;
  const tagged = { ...source, annotations: { ...source.annotations, [REF_NAME]: tag } };
  return at === -1 ? [...entries, tagged] : entries.with(at, tagged);
}

/** What is not an image but attached to one. */
export const isArtifact = (entry: IndexEntry): boolean => entry.artifactType !== undefined;

/** One for each image, its tags gathered; no artifacts. `storedAt` is 0 where another tool wrote the entry. */
export function storedImages(entries: readonly IndexEntry[]): readonly StoredImage[] {
  const manifests = entries.filter((entry) => MANIFEST_TYPES.includes(entry.mediaType) && !isArtifact(entry));
  const images = Map.groupBy(manifests, (entry) => entry.digest);
  return [...images].map(([digest, same]) => ({
    digest,
    tags: same.map(tagOf).filter((tag) => tag !== null),
    storedAt: Math.max(...same.map((entry) => Date.parse(entry.annotations?.[STORED_AT] ?? '') || 0)),
  }));
}

function versionOf(marker: string): unknown {
  try {
    return (JSON.parse(marker) as { imageLayoutVersion?: unknown }).imageLayoutVersion;
  } catch {
    return null;
  }
}
