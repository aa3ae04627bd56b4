/** A base from a registry: its tag means what kiln.lock says, and what is in the store isn't asked for again. */
import { isDigest, type Digest } from '../domain/digest.ts';
import { pullImage, resolveReference } from '../oci/pull.ts';
import { formatReference, parseReference } from '../oci/references.ts';
import type { Image } from '../oci/store.ts';
import type { BakeDeps } from './contract.ts';
import type { Lock } from './lock.ts';
import { bakeKey, type StepCache } from './step-cache.ts';

export async function pullBase(text: string, lock: Lock, cache: StepCache, deps: BakeDeps): Promise<Image> {
  const reference = parseReference(text);
  const { store } = deps;
  const options = { ...deps.registry, signal: deps.signal };
  const resolveTag = async (): Promise<Digest> => (await resolveReference(reference, options)).digest;
  const digest = reference.digest ?? (await lock.base(formatReference(reference), resolveTag));
  const pull = (): Promise<Digest> => pullImage({ ...reference, tag: null, digest }, store, options);
  // What a digest means for this machine never changes, be it an index of images for several platforms.
  const found = await cache.fact<string>(bakeKey('pulled', { digest, platform: process.arch }), pull);
  if (isDigest(found) && (await cache.isWhole(found))) return store.image(found);
  return store.image(await pull());
}
