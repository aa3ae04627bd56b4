/** The process in which the contents of two images are compared. */
import { openImageStore } from '../oci/layout.ts';
import type { Layer } from '../oci/store.ts';
import { answerApart } from '../platform/apart.ts';
import { compareContents, type ContentsOptions } from './contents.ts';

export interface CompareRequest extends ContentsOptions {
  /** The folder of the image store. */
  readonly images: string;
  readonly first: readonly Layer[];
  readonly second: readonly Layer[];
}

answerApart(async ({ images, first, second, ...options }: CompareRequest) =>
  compareContents(await openImageStore(images), { layers: first }, { layers: second }, options),
);
