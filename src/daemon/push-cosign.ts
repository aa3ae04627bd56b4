/** An image's evidence under the tags where cosign looks for it; beside what others have put there, which stays. */
import type { Digest } from '../domain/digest.ts';
import { cosignManifests } from '../evidence/cosign.ts';
import { pushBlobs, putManifest, type PushOptions } from '../oci/push.ts';
import type { Registry } from '../oci/registry.ts';
import { parseLayers } from '../oci/schema.ts';
import type { Descriptor, ImageStore } from '../oci/store.ts';
import { sha256 } from '../platform/hash.ts';

/** The same again sends nothing. */
export async function pushForCosign(registry: Registry, image: Digest, store: ImageStore, options: PushOptions): Promise<void> {
  const scopes = [registry.pushScope];
  const layersAt = async (tag: string): Promise<readonly Descriptor[]> => {
    const found = await registry.find(tag, scopes);
    if (found === null) return [];
    return parseLayers((await registry.manifest(found.digest, scopes)).bytes, `${registry.repository}:${tag}`);
  };
  const { onProgress: _onProgress, ...quiet } = options;
  for (const { tag, bytes, blobs } of await cosignManifests(store, image, layersAt)) {
    if ((await registry.find(tag, scopes))?.digest === sha256(bytes)) continue;
    await pushBlobs(registry, blobs, store, { ...quiet, mountFrom: null });
    await putManifest(registry, Buffer.from(bytes), tag);
  }
}
