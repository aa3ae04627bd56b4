/** The verbs of fleets that exist: look, and tell them where to go. */
import type { FleetStatusBody, Handlers, ParsedOf } from '../api/schema.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { CallContext, Problem } from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import { isMoved, movedBases } from '../lineage/bases.ts';
import type { Command } from '../plan/commands.ts';
import type { Waves } from '../plan/waves.ts';
import { soundImage } from './damaged.ts';
import { resolveFleet } from './names.ts';
import type { Parts } from './parts.ts';
import { referencesIn } from './references.ts';
import { releaseBody, statusOf } from './status.ts';
import { requireKnown, unexplainedProblems } from './unexplained.ts';
import { wavesBody } from './waves-verbs.ts';

type Back = Extract<Command, { kind: 'rollback' }>;

type FleetVerbs = Pick<
  Handlers,
  'fleets' | 'status' | 'releases' | 'rollback' | 'scale' | 'pause' | 'resume' | 'promote' | 'approve' | 'abort' | 'retire'
>;

/** Who looks at all fleets asks no source more often: there may be many, and the look is repeated. */
const OVERVIEW_MS = 2_000;

export function fleetVerbs(parts: Parts): FleetVerbs {
  const { fleets } = parts;
  /** A fleet that runs without its history is there after all. */
  const named = async (service: string, ctx: CallContext): Promise<FleetId> => {
    try {
      return resolveFleet(service, fleets.list());
    } catch (error) {
      await requireKnown(parts, service, ctx);
      throw error;
    }
  };
  const give: Give = async ({ service, by }, command, ctx) => {
    const fleet = await named(service, ctx);
    await fleets.command(fleet, command, by);
    return fleetStatus(parts, fleet, ctx);
  };
  return {
    async fleets(_, ctx) {
      await parts.drift.refresh(fleets.list(), OVERVIEW_MS);
      return {
        fleets: await Promise.all(fleets.list().map((fleet) => fleetStatus(parts, fleet, ctx))),
        problems: [...(await unexplainedProblems(parts, ctx)), ...movedProblems(parts)],
        waves: [...parts.waves.all.values()].filter(isTold).map(wavesBody),
      };
    },
    async status({ service }, ctx) {
      const fleet = await named(service, ctx);
      await parts.drift.refresh([fleet], 0);
      return fleetStatus(parts, fleet, ctx);
    },
    async releases({ service }, ctx) {
      const fleet = await named(service, ctx);
      return { fleet, releases: fleets.state(fleet).releases.map(releaseBody) };
    },
    rollback: (input, ctx) =>
      parts.gate.shared(async () => {
        const { to = null, pastNoReturn } = input;
        const command = { kind: 'rollback', to: to as ReleaseNumber | null, pastNoReturn } as const;
        const fleet = await named(input.service, ctx);
        await requireWay(parts, fleet, command, ctx);
        const { changed, moving, target } = await fleets.command(fleet, command, input.by);
        const outcome = changed ? 'started' : moving ? 'joined' : 'unchanged';
        return { ...(await fleetStatus(parts, fleet, ctx)), asked: { outcome, release: target } };
      }),
    scale: (input, ctx) => {
      const until = input.forMs === undefined ? {} : { until: parts.clock.now() + input.forMs };
      return give(input, { kind: 'scale', size: input.size, ...until }, ctx);
    },
    pause: (input, ctx) => give(input, { kind: 'pause' }, ctx),
    resume: (input, ctx) => give(input, { kind: 'resume' }, ctx),
    promote: (input, ctx) => give(input, { kind: 'promote', past: input.past }, ctx),
    abort: (input, ctx) => abort(parts, input, { named, give }, ctx),
    approve: (input, ctx) => give(input, { kind: 'approve', by: input.by }, ctx),
    retire: (input, ctx) => give(input, { kind: 'retire' }, ctx),
  };
}

type Give = (
  to: { readonly service: string; readonly by: string },
  command: Exclude<Command, { kind: 'deploy' }>,
  ctx: CallContext,
) => Promise<FleetStatusBody>;

interface ToFleets {
  readonly named: (service: string, ctx: CallContext) => Promise<FleetId>;
  readonly give: Give;
}

/** Stops the waves that the service is in. It may be one that only waits in them, with no rollout of its own to give up. */
async function abort(
  parts: Parts,
  input: ParsedOf<'abort'>,
  { named, give }: ToFleets,
  ctx: CallContext,
): Promise<FleetStatusBody> {
  const fleet = await named(input.service, ctx);
  const { rollout } = parts.fleets.state(fleet);
  if (rollout === null && parts.waves.stop(fleet, `aborted by ${input.by}`)) return fleetStatus(parts, fleet, ctx);
  const status = await give(input, { kind: 'abort', pastNoReturn: input.pastNoReturn }, ctx);
  parts.waves.stop(fleet, `${fleet}: aborted by ${input.by}`);
  return status;
}

/** Once they have ended as they should, there is nothing more to say of them. */
const isTold = ({ finishedAt, stopped }: Waves): boolean => finishedAt === null || stopped !== null;

/** For people who look after fleets: what runs stands on what there is in a newer form by now. */
function movedProblems({ lineage }: Parts): readonly Problem[] {
  const moved = movedBases(lineage.state).filter(isMoved);
  if (moved.length === 0) return [];
  const names = [...new Set(moved.map(({ name }) => name))].join(', ');
  return [
    {
      what: `images stand on what has moved since: ${names}`,
      hint: '`kiln bases` shows what; `kiln cascade --all` makes them again',
      fatal: false,
    },
  ];
}

/**
 * An old release's image may have been collected, its values be lost, and its address taken by another: told at once, not at a
 * deadline.
 */
async function requireWay(
  { fleets, images, balancer, configuration }: Parts,
  fleet: FleetId,
  command: Back,
  ctx: CallContext,
): Promise<void> {
  const content = fleets.destination(fleet, command)?.content;
  if (content === undefined) return;
  await soundImage(images, content.image);
  await configuration.open(referencesIn(content), ctx.signal);
  const { listen, preview } = content.routing;
  const addresses = [listen, preview].filter((address) => address !== null);
  await balancer.requireListen(fleet, addresses, ctx);
}

/** What can't be observed now is answered from the last look, and said. */
async function fleetStatus(
  { fleets, engine, clock, drift, lineage: { revoked } }: Parts,
  id: FleetId,
  ctx: CallContext,
): Promise<FleetStatusBody> {
  const { state, last, trouble, unreadableAlarms: unreadable } = fleets.fleet(id);
  const plan = last?.plan ?? null;
  const load = last?.load ?? null;
  const drifted = drift.known(id);
  try {
    const [observed, instances] = await Promise.all([engine.observe(id, ctx), engine.instances(id, ctx)]);
    return statusOf({ state, revoked, observed, plan, load, now: clock.now(), instances, trouble, drifted, unreadable });
  } catch (error) {
    return statusOf({
      state,
      revoked,
      observed: last?.observed ?? null,
      plan,
      load,
      now: clock.now(),
      instances: [],
      trouble: trouble ?? messageOf(error),
      drifted,
      unreadable,
    });
  }
}
