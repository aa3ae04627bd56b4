/**
 * Evidence: what is attached to an image after it is made, read and judged. This folder owns the forms (in-toto, DSSE, SLSA,
 * cosign's), the signing and the verification; where evidence is stored is src/oci's affair, which keys are trusted and what is
 * demanded its callers'. Everything that is read here may come from a stranger: what is wrong with it is said in `trouble`, and
 * such evidence counts for nothing.
 */
import type { Digest } from '../domain/digest.ts';
import type { EvidenceKind } from '../domain/evidence.ts';
import type { Json } from '../domain/json.ts';
import { KilnError } from '../errors/error.ts';
import type { PublicKey } from '../keys/key-pair.ts';
import type { Descriptor, ImageStore, Referrer } from '../oci/store.ts';
import { DSSE_TYPE, openEnvelope, readEnvelope, signersOf, type Envelope } from './dsse.ts';
import { kindOf, readPredicate, type Reading } from './kinds.ts';
import { readSimpleSigning, SIGNATURE_ANNOTATION, SIMPLE_SIGNING_TYPE } from './simple-signing.ts';
import { IN_TOTO_TYPE, readStatement } from './statement.ts';
import { evidenceInvalid, parseStrictJson } from './strict-json.ts';

export interface Evidence extends Reading {
  /** The artifact that holds it. */
  readonly artifact: Digest;
  /** Its document in the store: an envelope, a statement or a payload. */
  readonly blob: Descriptor;
  readonly kind: EvidenceKind;
  /** The predicate's type, or what else the document is. */
  readonly type: string;
  /** How many signatures it bears, by whomever. */
  readonly signatures: number;
  /** Of the keys that were given, those that signed it. */
  readonly signedBy: readonly PublicKey[];
  /** What it says, in full; null where it could not be read, and for a mere signature. */
  readonly predicate: Json;
  /** Why it counts for nothing; null: nothing is wrong with it. */
  readonly trouble: string | null;
}

/** Of one document. SBOMs of large images have some ten MiB. */
export const DOCUMENT_BYTES = 64 << 20;
/** What cosign 3 wraps an envelope in. */
const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(\.v\d+\.\d+)?\+json(;version=[\d.]+)?$/;

/** A clock may be a little ahead of ours. */
const SKEW_MS = 5 * 60_000;

/** All that is attached to the image, in the order in which it came. Throws nothing about what is attached. */
export async function evidenceOf(
  store: ImageStore,
  image: Digest,
  { keys, now }: { readonly keys: readonly PublicKey[]; readonly now: number },
): Promise<readonly Evidence[]> {
  const found: Evidence[] = [];
  for (const artifact of await store.referrers(image)) {
    for (const blob of artifact.blobs) found.push(await judged({ store, image, keys, now }, artifact, blob));
  }
  return found;
}

interface Judging {
  readonly store: ImageStore;
  readonly image: Digest;
  readonly keys: readonly PublicKey[];
  readonly now: number;
}

type Document = Pick<Evidence, 'type' | 'kind' | 'signatures' | 'signedBy' | 'predicate'> & Reading;

async function judged(judging: Judging, artifact: Referrer, blob: Descriptor): Promise<Evidence> {
  const place = { artifact: artifact.digest, blob };
  try {
    const document = await readDocument(judging, artifact, blob);
    return { ...place, ...document, trouble: inFuture(document.madeAt, judging.now) };
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const nothing = { signatures: 0, signedBy: [], predicate: null, madeAt: null, passed: null };
    return { ...place, ...nothing, kind: 'other', type: blob.mediaType, says: 'cannot be read', trouble: error.message };
  }
}

function inFuture(madeAt: number | null, now: number): string | null {
  if (madeAt === null || madeAt <= now + SKEW_MS) return null;
  return `it says that it was made at ${new Date(madeAt).toISOString()}, which is still to come: a clock is wrong`;
}

async function readDocument({ store, image, keys }: Judging, artifact: Referrer, blob: Descriptor): Promise<Document> {
  const what = `the ${blob.mediaType} of artifact ${artifact.digest.slice(0, 19)}`;
  const reader = readerOf(blob.mediaType);
  if (reader === null)
    return { ...UNREAD, type: artifact.artifactType, says: `an artifact of the type ${artifact.artifactType}` };
  if (blob.size > DOCUMENT_BYTES) throw evidenceInvalid(`${what} is ${blob.size} bytes, more than the ${DOCUMENT_BYTES} allowed`);
  return reader({ bytes: await store.readBlob(blob.digest, DOCUMENT_BYTES), blob, image, keys, what });
}

const UNREAD = { kind: 'other', signatures: 0, signedBy: [], predicate: null, madeAt: null, passed: null } as const;

interface Source {
  readonly bytes: Uint8Array;
  readonly blob: Descriptor;
  readonly image: Digest;
  readonly keys: readonly PublicKey[];
  readonly what: string;
}

function readerOf(mediaType: string): ((source: Source) => Document) | null {
  if (mediaType === DSSE_TYPE) return (source) => fromEnvelope(readEnvelope(source.bytes, source.what), source);
  if (mediaType === IN_TOTO_TYPE) return (source) => fromStatement(source.bytes, source);
  if (mediaType === SIMPLE_SIGNING_TYPE) return fromSimpleSigning;
  return BUNDLE_TYPE.test(mediaType) ? fromBundle : null;
}

function fromEnvelope(envelope: Envelope, source: Source): Document {
  if (envelope.payloadType !== IN_TOTO_TYPE) {
    throw evidenceInvalid(`${source.what} envelops a ${envelope.payloadType}, not an in-toto statement`);
  }
  const signed = { signatures: envelope.signatures.length, signedBy: signersOf(envelope, source.keys) };
  return { ...fromStatement(envelope.payload, source), ...signed };
}

function fromStatement(payload: Uint8Array, { image, what }: Source): Document {
  const { type, content } = readStatement(payload, image, what);
  return { type, kind: kindOf(type), signatures: 0, signedBy: [], predicate: content, ...readPredicate(type, content) };
}

function fromBundle(source: Source): Document {
  const bundle = parseStrictJson(source.bytes, source.what) as { readonly dsseEnvelope?: unknown } | null;
  return fromEnvelope(openEnvelope(bundle?.dsseEnvelope, source.what), source);
}

function fromSimpleSigning({ bytes, blob, image, keys, what }: Source): Document {
  const madeAt = readSimpleSigning(bytes, image, what);
  const signature = Buffer.from(blob.annotations?.[SIGNATURE_ANNOTATION] ?? '', 'base64');
  const signedBy = keys.filter((key) => key.verifies(bytes, signature));
  const signatures = signature.length === 0 ? 0 : 1;
  return {
    type: SIMPLE_SIGNING_TYPE,
    kind: 'signature',
    signatures,
    signedBy,
    predicate: null,
    madeAt,
    passed: null,
    says: 'the image, and nothing more',
  };
}
