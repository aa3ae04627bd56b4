/**
 * What a canary's rules do and cost on the real HAProxy: how exactly clients are divided, what matching and mirroring add to a
 * client's wait, how many copies arrive.
 *   node bench/canary.ts [SECONDS, 5] [CLIENTS, 100000]
 */
import { Agent } from 'node:http';

import { groupId, type ReleaseNumber } from '../src/domain/ids.ts';
import type { CanaryRule } from '../src/engines/engine.ts';
import { run } from '../src/platform/exec.ts';
import { CTX, fleetOfService, get, routed, table, World, type App } from '../src/traffic/testing/world.ts';

const SECONDS = Number(process.argv[2] ?? 5);
const CLIENTS = Number(process.argv[3] ?? 100_000);
const AT_A_TIME = 32;
const TURNS = 2;

const fleet = fleetOfService('bench');
const NOTHING: CanaryRule = { group: groupId(fleet, 2 as ReleaseNumber), sticky: null, matches: [], mirror: 0 };

const { world, balancer, port } = await World.withBalancer();
try {
  const apps = [await world.app(fleet, 1), await world.app(fleet, 2)] as const;
  const apply = (weight: number, rule: Partial<CanaryRule> | null, [old, canary]: readonly [App, App] = apps): Promise<void> =>
    balancer.apply(
      table(fleet, port, [routed(fleet, 1, 10_000 - weight, [old]), routed(fleet, 2, weight, [canary])], {
        canary: rule === null ? null : { ...NOTHING, ...rule },
      }),
      CTX,
    );
  for (const weight of [500, 2_500]) {
    await apply(weight, { sticky: { by: 'header', name: 'X-User' } });
    console.log(`sticky: ${((await shareOf()) * 100).toFixed(2)} % of ${CLIENTS} clients for ${weight / 100} %`);
  }
  const hanging = await world.app(fleet, 2, 60_000, 60_000);
  const rules: readonly (readonly [string, () => Promise<void>])[] = [
    ['no rule', () => apply(0, null)],
    ['a header to match', () => apply(0, { matches: [{ in: 'header', name: 'X-Canary', is: 'yes' }] })],
    ['clients by cookie', () => apply(500, { sticky: { by: 'cookie' } })],
    ['a mirror of 100 %', () => apply(0, { mirror: 10_000 })],
    ['a mirror to a canary that hangs', () => apply(0, { mirror: 10_000 }, [apps[0], hanging])],
  ];
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [what, act] of rules) {
      await act();
      const before = await copies();
      const said = await run('wrk', ['-t1', '-c4', `-d${SECONDS}s`, '--latency', `http://127.0.0.1:${port}/`]);
      const field = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? '?';
      const waits = `median ${field(/50%\s+(\S+)/)}, p99 ${field(/99%\s+(\S+)/)}`;
      const failed = field(/Non-2xx or 3xx responses: (\d+)/).replace('?', '0');
      const rate = Number(field(/Requests\/sec:\s+([\d.]+)/)).toFixed(0);
      console.log(`${what.padEnd(32)} ${waits}, ${rate}/s, ${failed} failed, ${(await copies()) - before} copies`);
    }
  }
} finally {
  await world.end();
}

async function copies(): Promise<number> {
  return (await balancer.metrics(fleet, CTX))[1]?.mirrored.requests ?? 0;
}

/** Of the clients on the canary's side, each asking once. */
async function shareOf(): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
  let next = 0;
  let there = 0;
  const one = async (): Promise<void> => {
    while (next < CLIENTS) {
      const { body } = await get(port, '/', agent, { 'x-user': `user-${(next += 1)}` });
      if (body === 'r2') there += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  agent.destroy();
  return there / CLIENTS;
}
