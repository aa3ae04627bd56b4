/** The laws are watched: a daemon that is lied to, or whose hands do something else, is caught at it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupOf, instanceId } from '../../src/domain/ids.ts';
import type { Release } from '../../src/domain/release.ts';
import type { BalancerObservation, InstanceObservation, RoutingTable, Runtime } from '../../src/engines/engine.ts';
import type { Session } from '../../src/engines/sim/world.ts';
import { runHistory, type HistoryOptions } from './history.ts';
import { drawScenario } from './scenario.ts';

const HISTORIES = 150;

/** Runs histories until one breaks a law in these words. */
async function assertBreaks(words: RegExp, sabotage: (session: Session) => Session, options: HistoryOptions = {}): Promise<void> {
  const others = new Set<string>();
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { broken } = await runHistory({ ...drawScenario(seed), faults: {} }, { sabotage, maxTicks: 500, ...options });
    if (broken.some((what) => words.test(what))) return;
    for (const what of broken) others.add(what);
  }
  assert.fail(`never seen: ${words}, but\n${[...others].slice(0, 20).join('\n')}`);
}

function withInstances(session: Session, change: (seen: InstanceObservation) => InstanceObservation): Session {
  const { runtime } = session;
  return { ...session, runtime: { ...runtime, observe: async (ctx, fleet) => (await runtime.observe(ctx, fleet)).map(change) } };
}

function withBalancer(session: Session, change: (seen: BalancerObservation) => BalancerObservation): Session {
  const { balancer } = session;
  const observe: typeof balancer.observe = async (fleet, ctx) => {
    const seen = await balancer.observe(fleet, ctx);
    return seen === null ? null : change(seen);
  };
  return { ...session, balancer: { ...balancer, observe } };
}

const withTables = (session: Session, change: (table: RoutingTable) => RoutingTable): Session => ({
  ...session,
  balancer: { ...session.balancer, apply: (table, ctx) => session.balancer.apply(change(table), ctx) },
});

test('law 1: a launch of a revoked image is seen', () =>
  assertBreaks(/law 1: .* is launched, and its image is revoked/, (session) => session, { blind: true }));

test('law 3: traffic before health is seen', () =>
  assertBreaks(/law 3: .* was made ready for traffic before it was healthy/, (session) =>
    withInstances(session, (seen) =>
      seen.health.status === 'starting' ? { ...seen, health: { status: 'healthy', since: seen.launchedAt } } : seen,
    ),
  ));

test('law 3: stopping what has not drained is seen', () =>
  assertBreaks(/law 3: .* was stopped with \d+ (requests|streams) in flight/, (session) =>
    withBalancer(session, (seen) => ({ ...seen, endpoints: seen.endpoints.map((each) => ({ ...each, sessions: 0 })) })),
  ));

test('law 3: closing connections before their budget is seen', () =>
  assertBreaks(/law 3: connections of .* were closed with \d+ (requests|streams) in flight/, (session) => ({
    ...session,
    runtime: {
      ...session.runtime,
      launch: (id, release, ctx) => session.runtime.launch(id, patient(release), ctx),
    },
  })));

/** As the world sees it: with more time for its streams than Kiln knows of. */
const patient = (release: Release): Release => ({
  ...release,
  content: { ...release.content, routing: { ...release.content.routing, streamDrainMs: 600_000 } },
});

test('law 4: traffic that goes to a group before it is there is seen', () =>
  assertBreaks(/law 4: a change of routing lowered the serving capacity/, (session) =>
    withTables(session, (table) => ({
      ...table,
      groups: table.groups.map((group, index) => ({ ...group, weight: index === table.groups.length - 1 ? 10_000 : 0 })),
    })),
  ));

test('law 7: an instance that is never removed is seen', () =>
  assertBreaks(/law 7: not at rest/, (session) => ({
    ...session,
    runtime: { ...session.runtime, remove: () => Promise.resolve() },
  })));

test('law 7: two writers of one volume are seen', () =>
  assertBreaks(/law 7: .* single-writer volume/, (session) => ({ ...session, runtime: launchingTwice(session) })));

function launchingTwice({ runtime }: Session): Runtime {
  const launch: Runtime['launch'] = async (id, release, ctx) => {
    await runtime.launch(id, release, ctx);
    await runtime.launch(instanceId(groupOf(id), '000000'), release, ctx);
  };
  return { ...runtime, launch };
}
