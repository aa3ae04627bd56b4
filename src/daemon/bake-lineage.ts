/** What a bake asks and tells of lineage: what channels hold, what it builds on, and the revocations that it inherits. */
import type { BakeLineage } from '../bake/contract.ts';
import { shortDigest, type Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import type { ServiceName } from '../domain/ids.ts';
import { whyRevoked } from '../domain/revocation.ts';
import { KilnError } from '../errors/error.ts';
import { findChannel } from '../lineage/channels.ts';
import { lineageEntry, type BuiltOn } from '../lineage/events.ts';
import { channelKey } from '../lineage/state.ts';
import { inheritedBy } from '../lineage/revoke.ts';
import { channelPolicies } from '../spec/channels.ts';
import type { Spec } from '../spec/parse.ts';
import type { Parts } from './parts.ts';

/** `builtOn` grows with what the bake builds on. */
export function bakeLineage({ lineage }: Parts, builtOn: BuiltOn[]): BakeLineage {
  return {
    heldBy: (service, channel) => findChannel(lineage.state, channelKey(service, channel)).image,
    onBase(base) {
      const revocation = lineage.revoked(base.digest);
      if (revocation !== null) throw revokedBase(base, revocation);
      if (!builtOn.some(({ name, digest }) => name === base.name && digest === base.digest)) builtOn.push(base);
    },
  };
}

/** An image that descends from one that is revoked with its descendants is revoked from its birth. Before it gets a name. */
export async function inheritRevocation(
  { lineage, graph, journal }: Parts,
  image: Digest,
  builtOn: readonly BuiltOn[],
): Promise<void> {
  const parents = new Map(await graph.parents());
  const above = new Set([...(parents.get(image) ?? []), ...builtOn.map(({ digest }) => digest)]);
  const inherited = inheritedBy(lineage.state, parents.set(image, [...above]), image);
  if (inherited !== null) journal.append([lineageEntry(inherited)]);
}

/** Before the gates, which boot it. Throws IMAGE_REVOKED. */
export function requireStartable({ lineage }: Parts, image: Digest): void {
  const revocation = lineage.revoked(image);
  if (revocation === null) return;
  throw new KilnError('IMAGE_REVOKED', `this bake makes image ${shortDigest(image)}, which was ${whyRevoked(revocation)}`, {
    hint: 'change the recipe, or `kiln bake --update` for newer packages: the same inputs make the same image',
  });
}

/** The file's policy holds from its next bake or deploy on. */
export function recordPolicies({ lineage, journal }: Parts, spec: Spec): void {
  const service = spec.service as ServiceName;
  const policies = channelPolicies(spec);
  if (canonicalJson(lineage.state.policies.get(service) ?? {}) === canonicalJson(policies)) return;
  journal.append([lineageEntry({ kind: 'channel.policy', service, policies })]);
}

const revokedBase = ({ name, digest }: BuiltOn, revocation: Parameters<typeof whyRevoked>[0]): KilnError =>
  new KilnError('IMAGE_REVOKED', `the base ${name} (${shortDigest(digest)}) was ${whyRevoked(revocation)}`, {
    hint: 'name another base in `from:`; where kiln.lock holds it, `kiln bake --update` moves the lock',
  });
