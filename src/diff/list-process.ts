/** The process in which layers are listed: behind all other work, since nobody waits for it. */
import { setPriority } from 'node:os';

import { openImageStore } from '../oci/layout.ts';
import type { Layer } from '../oci/store.ts';
import { answerApart } from '../platform/apart.ts';
import { LayerReader } from './layer-contents.ts';

export interface ListRequest {
  /** The folder of the image store. */
  readonly images: string;
  readonly cacheFolder: string;
  readonly layers: readonly Layer[];
}

const LOW_PRIORITY = 15;

answerApart(async ({ images, cacheFolder, layers }: ListRequest) => {
  setPriority(LOW_PRIORITY);
  const store = await openImageStore(images);
  // A reader for each: nothing of a layer that is listed is held.
  for (const layer of layers) await new LayerReader(store, cacheFolder).read([layer]);
  return null;
});
