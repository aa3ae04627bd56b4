/** Subjects over real layers in a store of their own. */
import { join } from 'node:path';

import { openImageStore } from '../../oci/layout.ts';
import type { ImageConfig, Layer } from '../../oci/store.ts';
import { configOf, testFolder } from '../../oci/testing/images.ts';
import { tarOf, type RawEntry } from '../../oci/testing/trees.ts';
import type { GateSubject } from '../contract.ts';
import { subjectOf } from './subject.ts';

export interface Layered extends AsyncDisposable {
  /** Of the home that is its own. */
  readonly folder: string;
  readonly subject: GateSubject;
}

export interface LayeredImage {
  /** The lowest first: entries, or a whole archive. */
  readonly layers?: readonly (readonly RawEntry[] | Buffer)[];
  readonly config?: ImageConfig['config'];
  readonly history?: NonNullable<ImageConfig['history']>;
}

export async function layered(
  { layers = [], config = { User: 'app' }, history }: LayeredImage,
  change: Partial<GateSubject> = {},
): Promise<Layered> {
  const folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'images'));
  const stored: Layer[] = [];
  for (const content of layers) {
    const { digest, size } = await store.putBlob(Buffer.isBuffer(content) ? content : tarOf(...content));
    stored.push({ descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }, diffId: digest });
  }
  const digest = await store.putImage({ ...configOf(stored), config, ...(history === undefined ? {} : { history }) }, stored, {});
  const image = await store.image(digest);
  return {
    folder: folder.path,
    subject: subjectOf({ store, image, cacheFolder: join(folder.path, 'cache'), ...change }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
