/**
 * The control loop over the simulated engine, at scale:
 * - one fleet of many instances rolled to another release: what the loop adds to the time that the instances themselves need,
 *   and the processor time that it takes, the simulated engine's own left out;
 * - many services at rest for a simulated day: looks, processor time, and memory hour by hour.
 *     node --expose-gc bench/fleets.ts [INSTANCES, 1000] [SERVICES, 10000] [HOURS, 24]
 */
import { fleetId, type EnvironmentName, type FleetId, type ServiceName } from '../src/domain/ids.ts';
import type { ReleaseContent, Strategy } from '../src/domain/release.ts';
import type { SimInstance } from '../src/engines/sim/instance.ts';
import type { SimWorld } from '../src/engines/sim/world.ts';
import { contentOf, FLEET, imageOf } from '../test/simulation/releases.ts';
import { simulate, type Held } from '../test/simulation/simulated.ts';

const [INSTANCES = 1_000, SERVICES = 10_000, HOURS = 24] = process.argv.slice(2).map(Number);
const SURGE = Math.ceil(INSTANCES / 10);
const HOUR_MS = 3_600_000;
const HEALTHY_AFTER_MS = 5_000;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The time until all are healthy where each place of the surge takes the next as soon as the one before is healthy. */
function ideal(instances: readonly SimInstance[]): number {
  const places = Array.from({ length: SURGE }, () => 0);
  for (const { launchedAt, health } of instances.toSorted((a, b) => a.launchedAt - b.launchedAt)) {
    const first = places.indexOf(Math.min(...places));
    places[first] = (places[first] ?? 0) + ('since' in health ? health.since - launchedAt : 0);
  }
  return Math.max(...places);
}

/** A hold of the world that counts the processor time of the simulated engine, which a real one spends elsewhere. */
function metered(spent: { ms: number }): (world: SimWorld) => Held {
  const count = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        const call: unknown = Reflect.get(target, name);
        if (typeof call !== 'function' || name === 'onChange') return call;
        return (...args: readonly unknown[]): unknown => {
          const began = cpuMs();
          const answer: unknown = Reflect.apply(call, target, args);
          spent.ms += cpuMs() - began;
          return answer;
        };
      },
    });
  return ({ runtime, balancer }) => ({ runtime: count(runtime), balancer: count(balancer) });
}

async function rollMany(): Promise<void> {
  const engine = { ms: 0 };
  const it = simulate(1, { held: metered(engine) });
  const { world, fleets } = it;
  const strategy: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: SURGE, batch: null };
  // Nothing in flight and no grace: an old instance is gone as soon as somebody decides it.
  const traits = { strategy, drainMs: 0, stopGraceMs: 0, keepMs: 0, healthDeadlineMs: 60_000 };
  const deploy = (name: string): ReleaseContent => {
    const content = contentOf(imageOf(name), traits);
    world.behave(content.image, { kind: 'good', healthyAfterMs: HEALTHY_AFTER_MS });
    fleets.deploy({ content, size: INSTANCES, bounds: null, label: name, by: 'bench' });
    return content;
  };
  fleets.start();
  deploy('one');
  await it.run(HOUR_MS, () => fleets.state(FLEET).serving === 1);
  const [startedAt, cpu, engineBefore] = [world.clock.now(), cpuMs(), engine.ms];
  const { health } = deploy('two');
  await it.run(HOUR_MS, () => fleets.state(FLEET).rollout === null);
  const tookMs = world.clock.now() - startedAt;
  const loopMs = cpuMs() - cpu - (engine.ms - engineBefore);
  fleets.close();
  const news = world.instances().filter((each) => each.release.number === 2);
  const theoreticalMs = ideal(news) + health.everyMs;
  if (world.violations.length > 0) throw new Error(JSON.stringify(world.violations[0]));
  console.log(
    `${INSTANCES} instances rolled, ${SURGE} at a time: ${seconds(tookMs)}; the instances alone need ${seconds(theoreticalMs)}: ` +
      `the loop adds ${percent(tookMs - theoreticalMs, theoreticalMs)}, and takes ${seconds(loopMs)} of processor time (${percent(loopMs, theoreticalMs)})`,
  );
}

const nameOf = (index: number): FleetId => fleetId(`s${index}` as ServiceName, 'sim' as EnvironmentName);

async function restMany(): Promise<void> {
  let looks = 0;
  const held = ({ runtime, balancer }: Held): Held => ({
    balancer,
    runtime: { ...runtime, observe: (ctx, fleet) => ((looks += 1), runtime.observe(ctx, fleet)) },
  });
  const it = simulate(2, { held });
  const { fleets, journal } = it;
  fleets.start();
  for (let index = 0; index < SERVICES; index++) {
    const fleet = nameOf(index);
    const content = { ...contentOf(imageOf('one'), {}), fleet };
    fleets.deploy({ content, size: 1, bounds: null, label: 'one', by: 'bench' });
  }
  await it.run(HOUR_MS / 10);
  const unsettled = fleets.list().filter((fleet) => fleets.state(fleet).rollout !== null);
  if (unsettled.length > 0) throw new Error(`${unsettled.length} services are not at rest`);
  const entries = journal.snapshot().length;
  for (let hour = 0; hour <= HOURS; hour++) {
    if (hour > 0) await it.run(HOUR_MS);
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    const row = [
      `${hour} h`,
      `heap ${(heapUsed / 1e6).toFixed(1)} MB`,
      `resident ${(rss / 1e6).toFixed(0)} MB`,
      `${looks} looks`,
    ];
    console.log(
      [...row, `${seconds(cpuMs())} of processor time`, `${journal.snapshot().length - entries} new entries`].join('   '),
    );
  }
  fleets.close();
}

await rollMany();
await restMany();
