/** Instances for the gate `test`, launched by the host's own runtime and hidden from everybody else who works with it. */
import { randomBytes } from 'node:crypto';

import {
  environmentOf,
  fleetOf,
  groupId,
  groupOf,
  instanceId,
  type FleetId,
  type InstanceId,
  type ReleaseNumber,
} from '../domain/ids.ts';
import { TRIAL_ENVIRONMENT } from '../domain/image-test.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Release, ReleaseContent } from '../domain/release.ts';
import type { InstanceObservation, Runtime } from '../engines/engine.ts';
import type { HostRuntime } from '../engines/host/runtime.ts';
import { KilnError } from '../errors/error.ts';
import type { Trial, Trials } from '../gates/test/trial.ts';
import type { Clock } from '../platform/clock.ts';
import { outputsOf, testsOn } from './instance-tests.ts';
import { sha256 } from '../platform/hash.ts';

const isTrial = (id: InstanceId): boolean => environmentOf(fleetOf(groupOf(id))) === TRIAL_ENVIRONMENT;
const NO_HURRY = { signal: new AbortController().signal };
/** Between two looks, should nobody tell of a change. */
const LOOK_MS = 250;
/** Beyond the instance's own deadline: its health says first what is wrong. */
const GRACE_MS = 5_000;

export interface HostWithTrials {
  /** The runtime without them: the history explains no trial, and no fleet counts it. */
  readonly runtime: Runtime;
  readonly trials: Trials;
}

/** Takes away the trials that an earlier daemon left: whoever asked for them has gone. */
export async function withTrials(host: HostRuntime, clock: Clock): Promise<HostWithTrials> {
  const left = (await host.observe(NO_HURRY)).filter(({ id }) => isTrial(id));
  await Promise.all(left.map(({ id }) => host.remove(id, NO_HURRY)));
  const observe = async (ctx: typeof NO_HURRY, fleet?: FleetId): Promise<readonly InstanceObservation[]> =>
    (await host.observe(ctx, fleet)).filter(({ id }) => !isTrial(id));
  return {
    runtime: { ...host, observe, test: testsOn(host, clock), output: outputsOf(host) },
    trials: { boot: (content, signal) => boot(host, clock, content, signal) },
  };
}

async function boot(host: HostRuntime, clock: Clock, content: ReleaseContent, signal: AbortSignal): Promise<Trial> {
  const number = 1 as ReleaseNumber;
  const hash = sha256(canonicalJson(content));
  const release: Release = { number, hash, content, createdAt: clock.now(), label: 'a test' };
  const id = instanceId(groupId(content.fleet, number), randomBytes(3).toString('hex'));
  // Not with the caller's signal: what was begun has to be taken away even where nobody waits for it any more.
  const remove = (): Promise<void> => host.remove(id, NO_HURRY);
  try {
    await host.launch(id, release, { signal });
    await untilHealthy(host, clock, id, { signal, withinMs: content.health.deadlineMs + GRACE_MS });
    const inside = await host.inside(id);
    if (inside === null) throw failed('it ended as soon as it was healthy');
    return { inside, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

interface Patience {
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

async function untilHealthy(host: HostRuntime, clock: Clock, id: InstanceId, { signal, withinMs }: Patience): Promise<void> {
  for (const end = clock.now() + withinMs; ;) {
    const changed = Promise.withResolvers<void>();
    const stop = host.onChange(() => changed.resolve());
    try {
      const health = (await host.observe({ signal })).find((each) => each.id === id)?.health;
      if (health?.status === 'healthy') return;
      if (health === undefined) throw failed('it is gone');
      if (health.status !== 'starting') throw failed(health.detail);
      if (clock.now() > end) throw failed(`it says nothing of its health for ${withinMs / 1000} s`);
      await Promise.race([changed.promise, clock.sleep(LOOK_MS, signal)]);
    } finally {
      stop();
    }
  }
}

const failed = (why: string): KilnError =>
  new KilnError('LAUNCH_FAILED', `an instance of the image does not become healthy: ${why}`, {
    hint: 'mend the image or run.health; `kiln bake` tests it again',
  });
