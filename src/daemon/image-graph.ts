/** Who descends from whom among the images here: by their own annotations, and by the records of their bakes. */
import { isDigest, type Digest } from '../domain/digest.ts';
import type { Parents } from '../lineage/graph.ts';
import type { ImageStore } from '../oci/store.ts';
import type { Lineage } from './lineage.ts';

/** Written by the bake (OCI image specification, annotations.md). */
const BASE_DIGEST = 'org.opencontainers.image.base.digest';
const BASE_NAME = 'org.opencontainers.image.base.name';
const TITLE = 'org.opencontainers.image.title';
const REVISION = 'org.opencontainers.image.revision';

/** What an image says of itself. */
export interface Origin {
  readonly base: { readonly name: string | null; readonly digest: Digest } | null;
  readonly title: string | null;
  readonly revision: string | null;
}

export interface ImageGraph {
  /** Of every image in the store, and of those baked here that are gone. */
  parents(): Promise<Parents>;
  /** Throws as the store's `image` does. */
  origin(image: Digest): Promise<Origin>;
}

export function openImageGraph(images: ImageStore, lineage: Lineage): ImageGraph {
  /** An image never changes: each is read once. */
  const known = new Map<Digest, Origin>();
  const origin = async (image: Digest): Promise<Origin> => {
    const found = known.get(image) ?? readOrigin((await images.image(image)).annotations);
    known.set(image, found);
    return found;
  };
  return {
    origin,
    async parents() {
      const parents = new Map<Digest, readonly Digest[]>();
      for (const [image, bases] of lineage.state.builtOn)
        parents.set(
          image,
          bases.map(({ digest }) => digest),
        );
      for (const { digest } of await images.list()) {
        // One that is damaged has no ancestors that could be told; its own commands say what is wrong with it.
        const base = (await origin(digest).catch(() => null))?.base?.digest;
        parents.set(digest, [...new Set([...(parents.get(digest) ?? []), ...(base === undefined ? [] : [base])])]);
      }
      return parents;
    },
  };
}

function readOrigin(annotations: Readonly<Record<string, string>>): Origin {
  const digest = annotations[BASE_DIGEST] ?? '';
  return {
    base: isDigest(digest) ? { name: annotations[BASE_NAME] ?? null, digest } : null,
    title: annotations[TITLE] ?? null,
    revision: annotations[REVISION] ?? null,
  };
}
