/**
 * The signature of an image alone, in the form that `cosign sign` writes and `cosign verify` reads: a small payload that names
 * the digest ("simple signing", containers/image docs/containers-signature.5), its signature beside it in an annotation.
 */
import * as z from 'zod';

import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Signer } from '../keys/signer.ts';
import type { Artifact } from '../oci/store.ts';
import { evidenceInvalid, parseStrictJson } from './strict-json.ts';

export const SIMPLE_SIGNING_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const SIGNATURE_ARTIFACT = 'application/vnd.dev.cosign.artifact.sig.v1+json';
/** Base64 of the signature over the payload's bytes; empty beside an envelope, which brings its own. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
const CRITICAL_TYPE = 'cosign container image signature';

const Payload = z.object({
  critical: z.object({
    image: z.object({ 'docker-manifest-digest': z.string() }),
    type: z.string(),
  }),
  optional: z.object({ timestamp: z.number().optional() }).nullish(),
});

/** `now`: ms since the epoch; told in whole seconds, as cosign does. */
export async function signatureArtifact(image: Digest, name: string, signer: Signer, now: number): Promise<Artifact> {
  const critical = {
    identity: { 'docker-reference': name },
    image: { 'docker-manifest-digest': image },
    type: CRITICAL_TYPE,
  };
  const content = Buffer.from(canonicalJson({ critical, optional: { creator: 'kiln', timestamp: Math.floor(now / 1000) } }));
  const signature = Buffer.from(await signer.sign(content)).toString('base64');
  const annotations = { [SIGNATURE_ANNOTATION]: signature };
  return {
    artifactType: SIGNATURE_ARTIFACT,
    blobs: [{ mediaType: SIMPLE_SIGNING_TYPE, content, annotations }],
    annotations: {},
  };
}

/** When the image was signed, in ms; null where it does not say. Throws EVIDENCE_INVALID where it names another image. */
export function readSimpleSigning(bytes: Uint8Array, image: Digest, what: string): number | null {
  const read = Payload.safeParse(parseStrictJson(bytes, what));
  if (!read.success || read.data.critical.type !== CRITICAL_TYPE) throw evidenceInvalid(`${what} is no signature of an image`);
  const { critical, optional } = read.data;
  const about = critical.image['docker-manifest-digest'];
  if (about !== image) throw evidenceInvalid(`${what} is about another image: ${about.slice(0, 71)}`);
  return optional?.timestamp === undefined ? null : optional.timestamp * 1000;
}
