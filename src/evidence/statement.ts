/** in-toto Statement v1: what is said (a predicate) about which images (by digest). */
import * as z from 'zod';

import { hexOf, type Digest } from '../domain/digest.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import { evidenceInvalid, parseStrictJson } from './strict-json.ts';

export const IN_TOTO_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
/** What cosign writes to this day; the members are the same. */
const STATEMENT_TYPES: ReadonlySet<string> = new Set([STATEMENT_TYPE, 'https://in-toto.io/Statement/v0.1']);

/** What is said. `type` is a URI that says how to read it. */
export interface Predicate {
  readonly type: string;
  readonly content: Json;
}

const Statement = z.object({
  _type: z.string().refine((type) => STATEMENT_TYPES.has(type), 'not an in-toto statement of version 1'),
  subject: z
    .array(z.object({ name: z.string().max(4096).nullish(), digest: z.record(z.string(), z.string()) }))
    .min(1)
    .max(1000),
  predicateType: z.string().min(1).max(1024),
  predicate: z.unknown(),
});

/** `name`: what people call the image. The bytes depend on nothing but the arguments. */
export function statementAbout(image: Digest, name: string, { type, content }: Predicate): Uint8Array {
  const subject = [{ name, digest: { sha256: hexOf(image) } }];
  return Buffer.from(canonicalJson({ _type: STATEMENT_TYPE, subject, predicateType: type, predicate: content }));
}

/** Throws EVIDENCE_INVALID where it is malformed, or about other images only. */
export function readStatement(payload: Uint8Array, image: Digest, what: string): Predicate {
  const read = Statement.safeParse(parseStrictJson(payload, what));
  if (!read.success) {
    const issue = read.error.issues[0];
    throw evidenceInvalid(`${what} is no in-toto statement: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { subject, predicateType, predicate } = read.data;
  if (!subject.some(({ digest }) => Object.hasOwn(digest, 'sha256') && digest['sha256'] === hexOf(image))) {
    const about = subject[0]?.digest['sha256'] ?? 'something without a sha256 digest';
    throw evidenceInvalid(`${what} is about another image: ${about.slice(0, 64)}`);
  }
  return { type: predicateType, content: (predicate ?? null) as Json };
}
