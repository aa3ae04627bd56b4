/** The verbs of what is in an image: its packages, and documents of them. */
import { join } from 'node:path';

import type { Handlers } from '../api/schema.ts';
import type { Json } from '../domain/json.ts';
import type { Image } from '../oci/store.ts';
import { sbomOf } from '../sbom/document.ts';
import { inventoryOf } from '../sbom/inventory.ts';
import type { Inventory } from '../sbom/package.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';

export function packageVerbs(parts: Parts): Pick<Handlers, 'packages' | 'sbom'> {
  return {
    async packages({ reference }, { signal }) {
      const { image, inventory } = await inventoried(parts, reference, signal);
      return { digest: image.digest, ...inventory };
    },
    async sbom({ reference, format }, { signal }) {
      const { image, inventory } = await inventoried(parts, reference, signal);
      return sbomOf(image, inventory, format) as Record<string, Json>;
    },
  };
}

interface Inventoried {
  readonly image: Image;
  readonly inventory: Inventory;
}

async function inventoried(parts: Parts, reference: string, signal: AbortSignal): Promise<Inventoried> {
  const { images, home } = parts;
  const image = await images.image(await resolveImage(parts, reference));
  return { image, inventory: await inventoryOf(images, image, { cacheFolder: join(home.bake, 'gates'), signal }) };
}
