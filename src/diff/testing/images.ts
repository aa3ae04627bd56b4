/** Images in memory, made of archives: for the tests of comparisons. */
import { Readable } from 'node:stream';

import { sha256 } from '../../platform/hash.ts';
import type { Image, ImageConfig, ImageStore, Layer } from '../../oci/store.ts';
import { configOf, testFolder } from '../../oci/testing/images.ts';
import { type RawEntry, tarOf } from '../../oci/testing/trees.ts';
import { compareContents, type ContentsOptions } from '../contents.ts';
import type { ContentsDifference } from '../contract.ts';

export interface Images extends AsyncDisposable {
  /** The diff ids of the layers that were opened, in order. */
  readonly opened: string[];
  readonly compare: (first: Image, second: Image, options?: Partial<ContentsOptions>) => Promise<ContentsDifference>;
}

const TARS = new Map<string, Buffer>();

/** The lowest layer first. */
export function imageOf(
  layers: readonly (readonly RawEntry[])[],
  config: ImageConfig['config'] = {},
  change: Partial<Image> = {},
): Image {
  const stored = layers.map((entries): Layer => {
    const tar = tarOf(...entries);
    const digest = sha256(tar);
    TARS.set(digest, tar);
    return { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: tar.length }, diffId: digest };
  });
  const whole = { ...configOf(stored), config };
  return { digest: sha256(JSON.stringify(whole)), config: whole, layers: stored, annotations: {}, size: 0, ...change };
}

export async function images(): Promise<Images> {
  const folder = await testFolder();
  const opened: string[] = [];
  const store: Pick<ImageStore, 'openLayer'> = {
    async openLayer({ diffId }) {
      opened.push(diffId);
      return Readable.from([TARS.get(diffId)]);
    },
  };
  const plain = { cacheFolder: folder.path, all: true, limit: 10_000, texts: false };
  return {
    opened,
    compare: (first, second, options = {}) => compareContents(store, first, second, { ...plain, ...options }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
