/**
 * DSSE, the envelope around what is signed (secure-systems-lab/dsse 1.0.2). What is signed is the pre-authentication
 * encoding of type and payload; the key ids inside are hints that anybody could have written, and decide nothing here.
 */
import * as z from 'zod';

import type { PublicKey } from '../keys/key-pair.ts';
import type { Signer } from '../keys/signer.ts';
import { evidenceInvalid, parseStrictJson } from './strict-json.ts';

export const DSSE_TYPE = 'application/vnd.dsse.envelope.v1+json';

/** Each is tried with each key that is trusted. */
const MOST_SIGNATURES = 16;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

const base64 = z
  .string()
  .regex(BASE64, 'not base64')
  .transform((text) => Buffer.from(text, 'base64'));

const Envelope = z.object({
  payloadType: z.string().min(1).max(255),
  payload: base64,
  signatures: z
    .array(z.object({ sig: base64 }))
    .min(1)
    .max(MOST_SIGNATURES),
});

export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly Uint8Array[];
}

/** `PAE(type, body)` of the protocol: lengths in bytes, decimal. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

export async function sealEnvelope(payloadType: string, payload: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const sig = await signer.sign(preAuthEncoding(payloadType, payload));
  return Buffer.from(
    JSON.stringify({
      payloadType,
      payload: Buffer.from(payload).toString('base64'),
      signatures: [{ keyid: signer.public.id, sig: Buffer.from(sig).toString('base64') }],
    }),
  );
}

/** Nothing is verified yet. Throws EVIDENCE_INVALID. */
export function openEnvelope(json: unknown, what: string): Envelope {
  const read = Envelope.safeParse(json);
  if (!read.success) {
    const issue = read.error.issues[0];
    throw evidenceInvalid(`${what} is no DSSE envelope: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { payloadType, payload, signatures } = read.data;
  return { payloadType, payload, signatures: signatures.map(({ sig }) => sig) };
}

export const readEnvelope = (bytes: Uint8Array, what: string): Envelope => openEnvelope(parseStrictJson(bytes, what), what);

/** Those of the keys by which at least one signature is. */
export function signersOf({ payloadType, payload, signatures }: Envelope, keys: readonly PublicKey[]): readonly PublicKey[] {
  const message = preAuthEncoding(payloadType, payload);
  return keys.filter((key) => signatures.some((signature) => key.verifies(message, signature)));
}
