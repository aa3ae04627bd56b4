/** Making evidence: each predicate a statement about the image, signed where there is a key, attached once. */
import type { Digest } from '../domain/digest.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { Signer } from '../keys/signer.ts';
import type { Artifact, ImageStore } from '../oci/store.ts';
import { DSSE_TYPE, sealEnvelope } from './dsse.ts';
import { evidenceOf, type Evidence } from './evidence.ts';
import { kindOf } from './kinds.ts';
import { SIGNATURE_ANNOTATION, signatureArtifact } from './simple-signing.ts';
import { IN_TOTO_TYPE, statementAbout, type Predicate } from './statement.ts';

export interface Making {
  readonly store: ImageStore;
  readonly image: Digest;
  /** What people call the image: the service. */
  readonly name: string;
  /** Null: unsigned. */
  readonly signer: Signer | null;
  /** Ms since the epoch. */
  readonly now: number;
}

export interface Made {
  /** Artifacts that were not there before. */
  readonly attached: readonly Digest[];
  /** The id of the key; null: unsigned. */
  readonly signedBy: string | null;
}

/** BuildKit's name for it, and cosign's: so that other tools find a statement without reading all. */
const TYPE_ANNOTATIONS = ['in-toto.io/predicate-type', 'predicateType'] as const;
/** A scan that says the same as yesterday's is still news: that it was looked at again. */
const SCAN_FRESH_MS = 24 * 3600 * 1000;

/**
 * Attaches a statement for each predicate and, with a key, a signature of the image itself. What this key (or nobody, where
 * there is none) has said before in other words only for its times is not said again.
 */
export async function attachEvidence(predicates: readonly Predicate[], making: Making): Promise<Made> {
  const { store, image, name, signer, now } = making;
  const keys = signer === null ? [] : [signer.public];
  const existing = await evidenceOf(store, image, { keys, now });
  const ours = existing.filter(
    (each) => each.trouble === null && (signer === null ? each.signatures === 0 : each.signedBy.length > 0),
  );
  const attached: Digest[] = [];
  for (const predicate of predicates) {
    if (ours.some((each) => saysTheSame(each, predicate, now))) continue;
    attached.push(await store.attach(image, await statementArtifact(predicate, making)));
  }
  if (signer !== null && !ours.some(({ kind }) => kind === 'signature')) {
    attached.push(await store.attach(image, await signatureArtifact(image, name, signer, now)));
  }
  return { attached, signedBy: signer?.public.id ?? null };
}

async function statementArtifact(predicate: Predicate, { image, name, signer }: Making): Promise<Artifact> {
  const statement = statementAbout(image, name, predicate);
  const annotations = Object.fromEntries(TYPE_ANNOTATIONS.map((key) => [key, predicate.type]));
  if (signer === null) {
    return { artifactType: IN_TOTO_TYPE, blobs: [{ mediaType: IN_TOTO_TYPE, content: statement, annotations }], annotations };
  }
  const content = await sealEnvelope(IN_TOTO_TYPE, statement, signer);
  const onBlob = { ...annotations, [SIGNATURE_ANNOTATION]: '' };
  return { artifactType: DSSE_TYPE, blobs: [{ mediaType: DSSE_TYPE, content, annotations: onBlob }], annotations };
}

function saysTheSame(evidence: Evidence, predicate: Predicate, now: number): boolean {
  if (evidence.type !== predicate.type) return false;
  if (kindOf(predicate.type) === 'scan' && (evidence.madeAt ?? 0) < now - SCAN_FRESH_MS) return false;
  return canonicalJson(withoutTimes(evidence.predicate)) === canonicalJson(withoutTimes(predicate.content));
}

/** What differs between two reports of the same fact. */
const VOLATILE: ReadonlySet<string> = new Set([
  'startedOn',
  'finishedOn',
  'scanStartedOn',
  'scanFinishedOn',
  'timestamp',
  'created',
  'ms',
  'invocationId',
  'serialNumber',
  'documentNamespace',
]);

function withoutTimes(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutTimes);
  const members = Object.entries(value).filter(([key]) => !VOLATILE.has(key));
  return Object.fromEntries(members.map(([key, member]) => [key, withoutTimes(member)]));
}
