/** The verbs of evidence and of the key that it is signed with. */
import type { Handlers } from '../api/schema.ts';
import type { Parts } from './parts.ts';

type EvidenceVerbs = Pick<Handlers, 'signingKey'>;

export function evidenceVerbs(parts: Parts): EvidenceVerbs {
  return {
    async signingKey() {
      return { key: (await parts.signer())?.public ?? null };
    },
  };
}
