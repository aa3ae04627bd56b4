/**
 * The load balancer: throughput beside the backend alone (wrk), how long a change of weights takes, how exact the split is.
 *   node bench/traffic.ts [SECONDS]
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../src/platform/exec.ts';
import type { Haproxy } from '../src/traffic/haproxy.ts';
import { CTX, fleetOfService, freePort, routed, table, World, type App } from '../src/traffic/testing/world.ts';
import { median, print, type Figure } from './figures.ts';

const SECONDS = Number(process.argv[2] ?? 5);
const TURNS = 3;
const CHANGES = 100;
const CONNECTIONS = 64;
const CANARY = 500;

const fleet = fleetOfService('bench');
const world = await World.make();
try {
  const balancer = await world.balancer();
  const port = await freePort();
  const apps = [await world.app(fleet, 1), await world.app(fleet, 2)];
  await weigh(balancer, port, apps, 0);
  await throughput(port, apps);
  await exactness(balancer, port, apps);
  print([await weightChanges(balancer, port, apps), await restarts(balancer, port, apps)]);
} finally {
  await world.end();
}

/** `canary`: the second app's share, in basis points. */
async function weigh(balancer: Haproxy, port: number, [old, canary]: readonly App[], share: number): Promise<void> {
  if (old === undefined || canary === undefined) throw new RangeError('two apps');
  await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000 - share, [old]), routed(fleet, 2, share, [canary])]), CTX);
}

/** In turns, because the machine drifts. Writes each take a fresh connection to the app: beside them, the app asked like that. */
async function throughput(port: number, [app]: readonly App[]): Promise<void> {
  const direct = app?.endpoint.address.port ?? 0;
  const post = join(world.home.root, 'post.lua');
  await writeFile(post, 'wrk.method = "POST"\nwrk.body = string.rep("x", 200)\n');
  const fresh = ['-H', 'Connection: close'];
  for (const [what, options, like] of [
    ['GET', [], []],
    ['POST', ['-s', post], fresh],
  ] as const) {
    const rates: { alone: number[]; balanced: number[] } = { alone: [], balanced: [] };
    for (let turn = 0; turn < TURNS; turn += 1) {
      rates.alone.push((await wrk(direct, [...options, ...like])).perSecond);
      rates.balanced.push((await wrk(port, options)).perSecond);
    }
    const [alone, balanced] = [median(rates.alone), median(rates.balanced)];
    const share = ((balanced / alone) * 100).toFixed(0);
    const how = like.length === 0 ? 'kept connections' : 'fresh connections';
    console.log(`${what}: ${balanced.toFixed(0)} a second, ${share} % of the backend alone over ${how} (${alone.toFixed(0)})`);
  }
}

async function exactness(balancer: Haproxy, port: number, apps: readonly App[]): Promise<void> {
  const before = await counts(balancer);
  await weigh(balancer, port, apps, CANARY);
  const { requests, failed } = await wrk(port, []);
  const [old = 0, canary = 0] = (await counts(balancer)).map((count, index) => count - (before[index] ?? 0));
  const share = ((canary / (old + canary)) * 100).toFixed(2);
  console.log(`split: ${share} % for ${CANARY / 100} % over ${old + canary} requests; wrk counted ${requests}, ${failed} failed`);
}

async function counts(balancer: Haproxy): Promise<readonly number[]> {
  return (await balancer.metrics(fleet, CTX)).map((each) => each.requests);
}

async function weightChanges(balancer: Haproxy, port: number, apps: readonly App[]): Promise<Figure> {
  const runs: number[] = [];
  for (let change = 0; change < CHANGES; change += 1) {
    const startedAt = performance.now();
    await weigh(balancer, port, apps, change % 2 === 0 ? 10_000 : 0);
    runs.push(performance.now() - startedAt);
  }
  return { what: 'weights changed, durable and acknowledged', unit: 'ms', runs };
}

/** A second fleet comes and goes: each time a new worker, with the routing of the first as it was. */
async function restarts(balancer: Haproxy, port: number, apps: readonly App[]): Promise<Figure> {
  const second = fleetOfService('second');
  const runs: number[] = [];
  await weigh(balancer, port, apps, 0);
  for (let turn = 0; turn < TURNS; turn += 1) {
    const startedAt = performance.now();
    await balancer.apply(table(second, await freePort(), []), CTX);
    runs.push(performance.now() - startedAt);
    await balancer.remove(second, CTX);
  }
  return { what: 'fleet added by a seamless reload', unit: 'ms', runs };
}

interface WrkResult {
  readonly perSecond: number;
  readonly requests: number;
  readonly failed: number;
}

async function wrk(port: number, options: readonly string[]): Promise<WrkResult> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, ...options, `http://127.0.0.1:${port}/`];
  const said = await run('wrk', args);
  const field = (pattern: RegExp): number => Number(pattern.exec(said)?.[1] ?? 0);
  const errors = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? [];
  const failed = field(/Non-2xx or 3xx responses: (\d+)/) + errors.reduce((sum, count) => sum + Number(count), 0);
  return { perSecond: field(/Requests\/sec:\s+([\d.]+)/), requests: field(/(\d+) requests in/), failed };
}
