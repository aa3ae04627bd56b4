/** The verbs of a file that has several services: all of them are made ready, then deployed in waves. */
import type { AnswerOf, Handlers, ParsedOf, WavesBody } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { fleetId, type FleetId, type ServiceName } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { waitsFor, type Waves, type WaveService } from '../plan/waves.ts';
import { environmentOf } from '../spec/environment.ts';
import { loadServices } from '../spec/load.ts';
import { wavesOf } from '../spec/services.ts';
import { readImage, isDamaged } from './damaged.ts';
import { admit, plannedDeploy, prepare, type Prepared } from './deploy-verbs.ts';
import type { Parts } from './parts.ts';

type WavesVerbs = Pick<Handlers, 'deployWaves' | 'planWaves' | 'waves'>;
type Context = Parameters<Handlers['deployWaves']>[1];
type Asked = ParsedOf<'deployWaves'>;

/** A service of the file in its place. */
interface Member {
  readonly fleet: FleetId;
  readonly wave: number;
  readonly dependsOn: readonly FleetId[];
  readonly prepared: Prepared;
}

export function wavesVerbs(parts: Parts): WavesVerbs {
  return {
    /** Answers when all is baked, admitted and journaled: from there on nothing is read of the folder any more. */
    deployWaves: (input, ctx) => parts.gate.shared(() => begin(parts, input, ctx)),
    async planWaves(input, ctx) {
      const members = await membersOf(parts, input, ctx);
      const services = members.map(async ({ fleet, wave, dependsOn, prepared }) => {
        return { ...(await plannedDeploy(parts, prepared)), fleet, wave, dependsOn };
      });
      return { services: await Promise.all(services) };
    },
    async waves({ id }) {
      const waves = parts.waves.all.get(id);
      if (waves !== undefined) return wavesBody(waves);
      throw new KilnError('NOT_FOUND', `there are no waves ${id}`, { hint: '`kiln history` tells of those that there were' });
    },
  };
}

async function begin(parts: Parts, input: Asked, ctx: Context): Promise<AnswerOf<'deployWaves'>> {
  const members = await membersOf(parts, input, ctx);
  const services: WaveService[] = [];
  for (const { fleet, wave, dependsOn, prepared } of members) {
    const { request, candidate, resolution } = prepared;
    const { by: _by, ...asked } = request;
    const glass = await admit(parts, input, fleet, candidate);
    await parts.configuration.seal(resolution);
    const service = { ...asked, fleet, wave, dependsOn, asked: parts.waves.askedOf(fleet) };
    services.push(glass === null ? service : { ...service, brokenGlass: glass });
  }
  const { folder, by } = input;
  const environment = members[0]?.prepared.candidate.environment.name ?? '';
  const { id, joined } = parts.waves.begin({ folder, environment, by, services });
  const waves = parts.waves.all.get(id);
  if (waves === undefined) throw new RangeError(`waves ${id} did not begin`);
  return { joined, waves: wavesBody(waves) };
}

/** In the order of their waves. What is wrong with any of them is said before the first one is touched. */
async function membersOf(parts: Parts, input: Asked, ctx: Context): Promise<readonly Member[]> {
  const loaded = await loadServices(input.folder);
  const byName = new Map(loaded.map((each) => [each.spec.service, each]));
  // All of them have the environment: told before minutes of baking.
  const fleets = new Map(
    loaded.map(({ spec }) => {
      const { name } = environmentOf(spec, input.environment ?? null);
      return [spec.service, fleetId(spec.service as ServiceName, name)] as const;
    }),
  );
  const fleetOf = (service: string): readonly FleetId[] => {
    const fleet = fleets.get(service);
    return fleet === undefined ? [] : [fleet];
  };
  const waves = wavesOf(loaded.map(({ spec, dependsOn }) => ({ name: spec.service, dependsOn })));
  const members: Member[] = [];
  for (const [index, names] of waves.entries()) {
    for (const service of names) {
      await ctx.emit({ kind: 'service', service });
      const prepared = await prepare(parts, { ...input, service }, ctx);
      const { fleet } = prepared.request.content;
      const dependsOn = (byName.get(service)?.dependsOn ?? []).flatMap(fleetOf);
      members.push({ fleet, wave: index + 1, dependsOn, prepared: await withKnownImage(parts, prepared) });
    }
  }
  return members;
}

/**
 * The services of a file share a folder and so its commits, which images name: where nothing else is new, what the fleet has
 * already stays. Else a change to one service would replace them all.
 */
async function withKnownImage(parts: Parts, prepared: Prepared): Promise<Prepared> {
  const { request, candidate, bake } = prepared;
  const { fleet, image } = request.content;
  const known = bake === null || !parts.fleets.list().includes(fleet) ? null : imageOf(parts, fleet);
  if (known === null || known === image || parts.lineage.revoked(known) !== null) return prepared;
  const [before, now] = await Promise.all([readImage(parts.images, known), readImage(parts.images, image)]);
  if (isDamaged(before) || isDamaged(now) || canonicalJson(before.config) !== canonicalJson(now.config)) return prepared;
  const content = { ...request.content, image: known };
  return { ...prepared, request: { ...request, content }, candidate: { ...candidate, digest: known } };
}

function imageOf({ fleets }: Parts, fleet: FleetId): Digest | null {
  const { rollout, serving, releases } = fleets.state(fleet);
  const target = rollout === null ? serving : rollout.to;
  return target === null ? null : (releases[target - 1]?.content.image ?? null);
}

export function wavesBody(waves: Waves): WavesBody {
  const { id, folder, environment, by, at, finishedAt, stopped, services, rolling, ended } = waves;
  return {
    id,
    folder,
    environment,
    by,
    startedAt: at,
    finishedAt,
    stopped,
    services: services.map((service) => {
      const { fleet, wave, dependsOn } = service;
      const begun = rolling.get(fleet);
      const result = ended.get(fleet);
      return {
        fleet,
        wave,
        dependsOn,
        waitsFor: waitsFor(waves, service),
        state: result?.outcome ?? (begun === undefined ? 'waiting' : 'rolling'),
        release: begun?.release ?? null,
        why: result?.why ?? '',
      };
    }),
  };
}
