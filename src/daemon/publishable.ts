/**
 * Which images are for others than whoever baked them: those that no gate of their last bake refused, and that are not
 * revoked. Asked wherever one gets a name, a channel, a registry or a fleet.
 */
import { shortDigest, type Digest } from '../domain/digest.ts';
import { whyRevoked } from '../domain/revocation.ts';
import { KilnError } from '../errors/error.ts';
import { keptReports } from './keep-reports.ts';
import type { Parts } from './parts.ts';

type Asked = Pick<Parts, 'home' | 'lineage'>;

/** What the gates of its last bake said against it; null: nothing. Images from elsewhere have no reports here. */
export async function refusalOf(parts: Pick<Parts, 'home'>, digest: Digest): Promise<string | null> {
  const failed = (await keptReports(parts, digest)).filter(({ verdict }) => verdict === 'fail');
  return failed.length === 0 ? null : failed.map(({ gate, why }) => `${gate}: ${why}`).join('; ');
}

/** `what`: "is not pushed". Throws IMAGE_REVOKED, GATE_FAILED. */
export async function requirePublishable(parts: Asked, digest: Digest, what: string): Promise<void> {
  const revocation = parts.lineage.revoked(digest);
  if (revocation !== null) {
    throw new KilnError('IMAGE_REVOKED', `image ${shortDigest(digest)} ${what}: it was ${whyRevoked(revocation)}`, {
      hint: 'bake another image; nothing overrules a revocation',
    });
  }
  const refusal = await refusalOf(parts, digest);
  if (refusal === null) return;
  throw new KilnError('GATE_FAILED', `image ${shortDigest(digest)} ${what}: ${refusal}`, {
    hint: '`kiln image` shows the findings; mend the recipe, or accept one in kiln.waivers.yaml, and bake again',
  });
}

export const isPublishable = async (parts: Asked, digest: Digest): Promise<boolean> =>
  parts.lineage.revoked(digest) === null && (await refusalOf(parts, digest)) === null;
