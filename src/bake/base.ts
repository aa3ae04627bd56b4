/** Images as bases: from the store, from a layout on disk, from a registry. All end in the store, under their digest. */
import { resolve } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import type { Base } from '../domain/recipe.ts';
import type { Image } from '../oci/store.ts';
import type { BakeDeps } from './contract.ts';
import { importLayout } from './layout-import.ts';
import type { Lock } from './lock.ts';
import { pullBase } from './registry-base.ts';
import type { StepCache } from './step-cache.ts';

export type ImageBase = Extract<Base, { kind: 'kiln' | 'channel' | 'layout' | 'registry' }>;

/** How the base is written in kiln.yaml: its name in the lineage. */
export function baseName(base: ImageBase): string {
  switch (base.kind) {
    case 'kiln':
      return `image:${base.reference}`;
    case 'channel':
      return `channel:${base.service}.${base.channel}`;
    case 'layout':
      return `oci:${base.path}`;
    case 'registry':
      return base.reference;
  }
}

/**
 * The base's image, in the store. A registry's tag and a channel mean the digest that kiln.lock has for them.
 * BASE_UNAVAILABLE without it; IMAGE_REVOKED before anything is built on one that may not start.
 */
export async function baseImage(base: ImageBase, folder: string, lock: Lock, cache: StepCache, deps: BakeDeps): Promise<Image> {
  const image = await find(base, folder, lock, cache, deps);
  deps.lineage.onBase({ name: baseName(base), digest: image.digest });
  return image;
}

async function find(base: ImageBase, folder: string, lock: Lock, cache: StepCache, deps: BakeDeps): Promise<Image> {
  switch (base.kind) {
    case 'kiln':
      return deps.store.image(await deps.store.resolve(base.reference));
    case 'channel': {
      const held = async (): Promise<Digest> => deps.lineage.heldBy(base.service, base.channel);
      return deps.store.image(await lock.base(baseName(base), held));
    }
    case 'layout':
      return importLayout(resolve(folder, base.path), base.digest, deps.store);
    case 'registry':
      return pullBase(base.reference, lock, cache, deps);
  }
}
