/** What cosign, or another machine, has put beside an image under cosign's tags: each document becomes an artifact of its own. */
import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { cosignLayers, cosignTags, isSameDocument } from '../evidence/cosign.ts';
import { DOCUMENT_BYTES } from '../evidence/evidence.ts';
import { pullBlob } from '../oci/pull.ts';
import { parseLayers } from '../oci/schema.ts';
import type { Sources } from '../oci/sources.ts';
import type { Descriptor, ImageStore } from '../oci/store.ts';

/** Answers how many were taken; what is there already, or is none, is left. */
export async function pullFromCosign(sources: Sources, image: Digest, store: ImageStore): Promise<number> {
  let count = 0;
  for (const tag of cosignTags(image)) {
    const attached = (await store.referrers(image)).flatMap(({ blobs }) => blobs);
    for (const layer of cosignLayers(await layersAt(sources, tag))) {
      if (layer.size > DOCUMENT_BYTES || attached.some((each) => isSameDocument(each, layer))) continue;
      await pullBlob(sources, layer, store, () => {});
      const content = await store.readBlob(layer.digest, DOCUMENT_BYTES);
      const { mediaType, annotations = {} } = layer;
      await store.attach(image, { artifactType: mediaType, blobs: [{ mediaType, content, annotations }], annotations: {} });
      count += 1;
    }
  }
  return count;
}

async function layersAt(sources: Sources, tag: string): Promise<readonly Descriptor[]> {
  const fetched = await sources.first(async (registry) => {
    const found = await registry.find(tag);
    return found === null ? null : registry.manifest(found.digest);
  });
  try {
    return fetched === null ? [] : parseLayers(fetched.bytes, tag);
  } catch (error) {
    if (error instanceof KilnError && error.code === 'IMAGE_INVALID') return [];
    throw error;
  }
}
