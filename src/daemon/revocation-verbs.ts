/** The verbs of revocation, and of lineage, which it follows. */
import type { Handlers, LineageAnswer, RevokingBody } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import { releaseOf } from '../domain/ids.ts';
import type { CallContext } from '../engines/engine.ts';
import { channelsOf } from '../lineage/channels.ts';
import { lineageEntry } from '../lineage/events.ts';
import { ancestorsOf, descendantsOf, type Levels } from '../lineage/graph.ts';
import { decideRevoke } from '../lineage/revoke.ts';
import { KilnError } from '../errors/error.ts';
import { shortDigest } from '../domain/digest.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';

type RevocationVerbs = Pick<Handlers, 'revoke' | 'undoRevocation' | 'lineage'>;

export function revocationVerbs(parts: Parts): RevocationVerbs {
  const { lineage, journal, clock, fleets, graph } = parts;
  return {
    async revoke({ reference, cascade, at, reason: why, by }, ctx) {
      const image = await resolveImage(parts, reference);
      const request = { image, since: at ?? clock.now(), cascade, by, why };
      const events = decideRevoke(lineage.state, await graph.parents(), request);
      journal.append(events.map(lineageEntry));
      fleets.wake();
      return revokingBody(
        parts,
        image,
        events.map((event) => event.image),
        ctx,
      );
    },
    async undoRevocation({ reference, reason: why, by }) {
      const image = await resolveImage(parts, reference);
      const revocation = lineage.state.revocations.get(image);
      if (revocation === undefined) throw notRevoked(image);
      if (revocation.through !== null) throw revokedThrough(image, revocation.through);
      const undone = [...lineage.state.revocations.values()].filter((each) => each.image === image || each.through === image);
      journal.append([lineageEntry({ kind: 'revocation.undone', image, by, why })]);
      fleets.wake();
      return { undone: undone.map((each) => each.image) };
    },
    async lineage({ reference }) {
      return lineageBody(parts, await resolveImage(parts, reference));
    },
  };
}

async function revokingBody(parts: Parts, image: Digest, revoked: readonly Digest[], ctx: CallContext): Promise<RevokingBody> {
  const { state } = parts.lineage;
  const all = new Set([image, ...revoked]);
  return {
    revocations: revoked.flatMap((each) => state.revocations.get(each) ?? []),
    running: (await instancesOf(parts, ctx)).filter((each) => all.has(each.image)),
    channels: [...all].flatMap((each) => channelsOf(state, each)),
  };
}

/** What runs, by release; what is being drained included. */
async function instancesOf({ fleets, engine }: Parts, ctx: CallContext): Promise<RevokingBody['running']> {
  const perFleet = fleets.list().map(async (fleet) => {
    const { releases, serving, rollout } = fleets.state(fleet);
    const byRelease = Map.groupBy(await engine.instances(fleet, ctx), ({ group }) => releaseOf(group));
    return [...byRelease].flatMap(([release, { length: instances }]) => {
      const content = releases[release - 1]?.content;
      if (content === undefined) return [];
      const isLeaving = release !== serving && release !== rollout?.to;
      const replaced = isLeaving || content.replace.revoked === 'roll-back';
      return [{ fleet, release, image: content.image, instances, replaced }];
    });
  });
  return (await Promise.all(perFleet)).flat();
}

async function lineageBody(parts: Parts, image: Digest): Promise<LineageAnswer> {
  const { lineage, graph, images } = parts;
  const { state } = lineage;
  const parents = await graph.parents();
  const stored = new Map((await images.list()).map(({ digest, tags }) => [digest, tags]));
  const names = baseNames(state.builtOn.values());
  const relatives = (levels: Levels): LineageAnswer['ancestors'] =>
    [...levels].map(([each, level]) => ({
      image: each,
      name: names.get(each) ?? stored.get(each)?.[0] ?? '',
      tags: stored.get(each) ?? [],
      level,
      known: stored.has(each),
      channels: channelsOf(state, each),
      revoked: state.revocations.get(each) ?? null,
    }));
  const origin = stored.has(image) ? await graph.origin(image) : null;
  return {
    image,
    tags: stored.get(image) ?? [],
    service: origin?.title ?? null,
    revision: origin?.revision ?? null,
    folder: [...state.lines.values()].find((line) => line.image === image)?.folder ?? null,
    ancestors: relatives(ancestorsOf(image, parents)),
    descendants: relatives(descendantsOf([image], parents)),
    revoked: state.revocations.get(image) ?? null,
    channels: channelsOf(state, image),
  };
}

const baseNames = (
  builtOn: Iterable<readonly { readonly name: string; readonly digest: Digest }[]>,
): ReadonlyMap<Digest, string> => new Map([...builtOn].flat().map(({ name, digest }) => [digest, name]));

const notRevoked = (image: Digest): KilnError =>
  new KilnError('NOT_FOUND', `image ${shortDigest(image)} is not revoked`, { hint: '`kiln images` shows which are' });

const revokedThrough = (image: Digest, through: Digest): KilnError =>
  new KilnError('USAGE', `image ${shortDigest(image)} was revoked with its ancestor ${shortDigest(through)}`, {
    hint: `undo that one: kiln revoke ${shortDigest(through)} --undo --reason TEXT`,
  });
