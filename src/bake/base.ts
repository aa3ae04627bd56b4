/** Images as bases: from the store, from a layout on disk, from a registry. All end in the store, under their digest. */
import { resolve } from 'node:path';

import type { Base } from '../domain/recipe.ts';
import type { Image } from '../oci/store.ts';
import type { BakeDeps } from './contract.ts';
import { importLayout } from './layout-import.ts';
import type { Lock } from './lock.ts';
import { pullBase } from './registry-base.ts';
import type { StepCache } from './step-cache.ts';

export type ImageBase = Extract<Base, { kind: 'kiln' | 'layout' | 'registry' }>;

/** How the base is written in kiln.yaml: its name in the lineage. */
export function baseName(base: ImageBase): string {
  switch (base.kind) {
    case 'kiln':
      return `image:${base.reference}`;
    case 'layout':
      return `oci:${base.path}`;
    case 'registry':
      return base.reference;
  }
}

/** The base's image, in the store. A registry's tag means the digest that kiln.lock has for it. BASE_UNAVAILABLE without it. */
export async function baseImage(base: ImageBase, folder: string, lock: Lock, cache: StepCache, deps: BakeDeps): Promise<Image> {
  switch (base.kind) {
    case 'kiln':
      return deps.store.image(await deps.store.resolve(base.reference));
    case 'layout':
      return importLayout(resolve(folder, base.path), base.digest, deps.store);
    case 'registry':
      return pullBase(base.reference, lock, cache, deps);
  }
}
