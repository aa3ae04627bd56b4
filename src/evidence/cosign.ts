/**
 * Evidence under the tags where cosign looks for it in a registry, beside the image: `sha256-HEX.sig` with signatures,
 * `sha256-HEX.att` with signed statements, each an image manifest with a layer for each document (sigstore/cosign,
 * specs/SIGNATURE_SPEC.md). Made anew for a push from what is attached.
 */
import { hexOf, type Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { OCI_CONFIG, OCI_MANIFEST } from '../oci/media-types.ts';
import type { Descriptor, ImageStore } from '../oci/store.ts';
import { DSSE_TYPE } from './dsse.ts';
import { SIGNATURE_ANNOTATION, SIMPLE_SIGNING_TYPE } from './simple-signing.ts';

export interface CosignManifest {
  readonly tag: string;
  readonly bytes: Uint8Array;
  /** What the manifest names and the registry may lack, all of it in the store. */
  readonly blobs: readonly Descriptor[];
}

const TAGS: readonly { readonly ending: 'sig' | 'att'; readonly layers: string }[] = [
  { ending: 'sig', layers: SIMPLE_SIGNING_TYPE },
  { ending: 'att', layers: DSSE_TYPE },
];

/** The tags under which a registry may hold evidence of an image. */
export const cosignTags = (image: Digest): readonly string[] => TAGS.map(({ ending }) => `sha256-${hexOf(image)}.${ending}`);

/** Of the layers of such a manifest those that are evidence. */
export const cosignLayers = (layers: readonly Descriptor[]): readonly Descriptor[] =>
  layers.filter(({ mediaType }) => TAGS.some(({ layers: type }) => type === mediaType));

/** None where nothing signed is attached. `there`: what the registry holds under a tag already; it comes first. */
export async function cosignManifests(
  store: ImageStore,
  image: Digest,
  there: (tag: string) => Promise<readonly Descriptor[]> = async () => [],
): Promise<readonly CosignManifest[]> {
  const attached = (await store.referrers(image)).flatMap(({ blobs }) => blobs);
  const made: CosignManifest[] = [];
  for (const { ending, layers: type } of TAGS) {
    const ours = attached.filter(({ mediaType }) => mediaType === type);
    if (ours.length === 0) continue;
    const tag = `sha256-${hexOf(image)}.${ending}`;
    const known = await there(tag);
    const layers = [...known, ...ours.filter((layer) => !known.some((each) => isSameDocument(each, layer)))];
    const config = { mediaType: OCI_CONFIG, ...(await store.putBlob(configNaming(layers))) };
    const bytes = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }));
    made.push({ tag, bytes, blobs: [config, ...ours] });
  }
  return made;
}

/** Two keys may have signed one payload: then only the signatures differ. */
export const isSameDocument = (a: Descriptor, b: Descriptor): boolean =>
  a.digest === b.digest && a.annotations?.[SIGNATURE_ANNOTATION] === b.annotations?.[SIGNATURE_ANNOTATION];

/** cosign's readers insist on a configuration of an image. */
function configNaming(layers: readonly Descriptor[]): Uint8Array {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  return Buffer.from(canonicalJson({ architecture: '', os: '', config: {}, rootfs }));
}
