/**
 * What runs or is routed here without the history saying why: kiln.db was lost, emptied, or put back from an older copy.
 * It goes on serving and is never adopted: what it was made of, and who put it there, is not known any more. It is shown,
 * its fleet is held, and `kiln down` retires it.
 */
import { fleetOf, groupOf, serviceOf, type FleetId } from '../domain/ids.ts';
import type { CallContext, Problem, RoutingTable } from '../engines/engine.ts';
import { historyLost, type Shown } from '../execute/explained.ts';
import type { Parts } from './parts.ts';

export interface Unexplained {
  readonly fleet: FleetId;
  /** And jobs. */
  readonly instances: readonly Shown[];
  /** Null where nothing is routed to it. */
  readonly table: RoutingTable | null;
}

/** For streams and requests together: what they would have had is not known any more. */
const DRAIN_MS = 30_000;
const DRAIN_POLL_MS = 100;

export async function findUnexplained({ engine, balancer, fleets }: Parts, ctx: CallContext): Promise<readonly Unexplained[]> {
  const [instances, tables] = [await engine.unexplained(ctx), await balancer.tables(ctx)];
  const known = new Set(fleets.list());
  const strange = new Set([
    ...instances.map(({ id }) => fleetOf(groupOf(id))),
    ...tables.map(({ fleet }) => fleet).filter((fleet) => !known.has(fleet)),
  ]);
  return [...strange].toSorted().map((fleet) => ({
    fleet,
    instances: instances.filter(({ id }) => fleetOf(groupOf(id)) === fleet),
    table: tables.find((table) => table.fleet === fleet) ?? null,
  }));
}

/** Throws HISTORY_LOST while instances run that nothing explains; of one fleet, or of any. Routing alone is in nobody's way. */
export async function requireExplained({ engine }: Parts, fleet: FleetId | null, ctx: CallContext): Promise<void> {
  const strange = (await engine.unexplained(ctx)).filter(({ id }) => fleet === null || fleetOf(groupOf(id)) === fleet);
  const [first] = strange;
  if (first !== undefined) throw historyLost(strange);
}

/** For a name that no fleet of the history has: throws HISTORY_LOST where something of that name runs or is routed all the same. */
export async function requireKnown(parts: Parts, name: string, ctx: CallContext): Promise<void> {
  const meant = (await findUnexplained(parts, ctx)).find(({ fleet }) => fleet === name || serviceOf(fleet) === name);
  if (meant !== undefined) throw historyLost(meant.instances, meant.fleet, meant.table?.listen ?? null);
}

export async function unexplainedProblems(parts: Parts, ctx: CallContext): Promise<readonly Problem[]> {
  return (await findUnexplained(parts, ctx)).map(({ fleet, instances, table }) => {
    const { message, hint } = historyLost(instances, fleet, table?.listen ?? null);
    return { what: message, hint, fatal: false, code: 'HISTORY_LOST' };
  });
}

/** Drains and removes all of it. Idempotent; resolves when nothing of it is left. */
export async function retireUnexplained(parts: Parts, by: string, ctx: CallContext): Promise<readonly FleetId[]> {
  const found = await findUnexplained(parts, ctx);
  await Promise.all(found.map((each) => retire(parts, each, by, ctx)));
  return found.map(({ fleet }) => fleet);
}

async function retire(parts: Parts, { fleet, instances, table }: Unexplained, by: string, ctx: CallContext): Promise<void> {
  const { journal, engine, balancer, fleets } = parts;
  const data = { instances: instances.map(({ id }) => id), routed: table !== null, by };
  journal.append([{ fleet, kind: 'unexplained.retiring', data }]);
  if (table !== null) await drain(parts, table, ctx);
  await Promise.all(instances.map(({ id }) => engine.removeUnexplained(id, ctx)));
  if (table !== null && !fleets.list().includes(fleet)) await balancer.remove(fleet, ctx);
}

/** Law 3: until the load balancer says that nothing is in flight, or the budget is spent. One that is not there is asked again. */
async function drain({ balancer, clock }: Parts, table: RoutingTable, ctx: CallContext): Promise<void> {
  const groups = table.groups.map(({ group, endpoints }) => ({
    group,
    weight: 0,
    endpoints: endpoints.map((endpoint) => ({ ...endpoint, state: 'drain' as const })),
  }));
  const isDrained = async (): Promise<boolean> => {
    await balancer.apply({ ...table, groups }, ctx);
    const seen = await balancer.observe(table.fleet, ctx);
    return (seen?.endpoints ?? []).every(({ sessions }) => sessions === 0);
  };
  for (const end = clock.now() + DRAIN_MS; clock.now() < end; await clock.sleep(DRAIN_POLL_MS, ctx.signal)) {
    if (await isDrained().catch(() => false)) return;
  }
}
