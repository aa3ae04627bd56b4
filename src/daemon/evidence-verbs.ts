/** The verbs of evidence and of the key that it is signed with. */
import { isAbsolute, join } from 'node:path';

import type { EvidenceBody, Handlers } from '../api/schema.ts';
import { isDigest, type Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { DOCUMENT_BYTES, evidenceOf, type Evidence } from '../evidence/evidence.ts';
import { readPublicKey } from '../keys/key-pair.ts';
import { openImageStore } from '../oci/layout.ts';
import type { ImageStore } from '../oci/store.ts';
import { isThere } from '../platform/files.ts';
import { knownKeys } from './known-keys.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';

type EvidenceVerbs = Pick<Handlers, 'signingKey' | 'evidence' | 'evidenceDocuments' | 'verifyEvidence'>;

export function evidenceVerbs(parts: Parts): EvidenceVerbs {
  const { images, clock } = parts;
  return {
    async signingKey() {
      return { key: (await parts.signer())?.public ?? null };
    },
    async evidence({ reference }) {
      const digest = await resolveImage(parts, reference);
      return { digest, evidence: await shownEvidence(parts, digest) };
    },
    async evidenceDocuments({ reference, type }) {
      const digest = await resolveImage(parts, reference);
      const found = await evidenceOf(images, digest, { keys: await knownKeys(parts), now: clock.now() });
      const wanted = found.filter((each) => type === undefined || each.kind === type || each.type === type);
      return { digest, documents: await Promise.all(wanted.map((each) => documentOf(images, each))) };
    },
    async verifyEvidence({ reference, keys }) {
      const { store, digest } = await imageAt(images, reference);
      const trusted = keys.map(({ name, pem }) => readPublicKey(pem, name));
      const found = await evidenceOf(store, digest, { keys: trusted, now: clock.now() });
      const isTrusted = found.some(({ signedBy, trouble }) => signedBy.length > 0 && trouble === null);
      return { digest, trusted: isTrusted, evidence: found.map(evidenceBody) };
    },
  };
}

/** All of an image's, with the signers that are known here by name. */
export async function shownEvidence(parts: Parts, digest: Digest): Promise<readonly EvidenceBody[]> {
  const found = await evidenceOf(parts.images, digest, { keys: await knownKeys(parts), now: parts.clock.now() });
  return found.map(evidenceBody);
}

const evidenceBody = ({ blob: _blob, predicate: _predicate, signedBy, ...rest }: Evidence): EvidenceBody => ({
  ...rest,
  signedBy: signedBy.map(({ id, name }) => ({ id, name })),
});

/** The very bytes: what was signed can be verified from them. What is no text is left out. */
async function documentOf(store: ImageStore, evidence: Evidence) {
  const { mediaType, digest, size } = evidence.blob;
  const bytes = size > DOCUMENT_BYTES ? null : await store.readBlob(digest, DOCUMENT_BYTES).catch(() => null);
  const document = bytes === null ? null : Buffer.from(bytes).toString('utf8');
  const annotations = evidence.blob.annotations ?? {};
  return { ...evidenceBody(evidence), mediaType, annotations, predicate: evidence.predicate, document };
}

const LAYOUT = 'oci:';

/** An image of this store, or `oci:PATH` or `oci:PATH@DIGEST`: of a layout on disk, which is only read. */
async function imageAt(images: ImageStore, reference: string): Promise<{ store: ImageStore; digest: Digest }> {
  if (!reference.startsWith(LAYOUT)) return { store: images, digest: await images.resolve(reference) };
  const rest = reference.slice(LAYOUT.length);
  const at = rest.lastIndexOf('@sha256:');
  const [folder, wanted] = at === -1 ? [rest, null] : [rest.slice(0, at), rest.slice(at + 1)];
  if (!isAbsolute(folder)) throw layoutInvalid(`${folder} is not an absolute path`, 'give the whole path');
  for (const name of ['oci-layout', 'index.json', 'blobs/sha256']) {
    if (await isThere(join(folder, name))) continue;
    throw layoutInvalid(`${folder} is not an OCI layout: it has no ${name}`, '`oras cp -r … --to-oci-layout PATH` makes one');
  }
  const store = await openImageStore(folder);
  if (wanted !== null && isDigest(wanted)) return { store, digest: wanted };
  const [only, ...more] = await store.list();
  if (only !== undefined && more.length === 0) return { store, digest: only.digest };
  throw layoutInvalid(
    `${folder} holds ${more.length === 0 ? 'no image' : 'several images'}`,
    'name the one that is meant: oci:PATH@sha256:…',
  );
}

const layoutInvalid = (message: string, hint: string): KilnError => new KilnError('REFERENCE_INVALID', message, { hint });
