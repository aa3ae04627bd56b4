/**
 * The health of one instance over time: starting until its first good probe or its deadline, then healthy until `fall` bad
 * probes in a row, and healthy again after a good one. Missing the deadline is for good.
 */
import type { Health } from '../domain/release.ts';
import type { InstanceHealth } from './engine.ts';
import { seconds, type Prober, type Verdict } from './probe.ts';

export interface Time {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface HealthOptions {
  readonly health: Health;
  /** So long every probe has to be good. With the probe `none`: how long the process must have lived. */
  readonly warmUpMs: number;
  readonly launchedAt: number;
  /** When the deadline began to count: the launch, or when a new daemon found the instance. */
  readonly watchedFrom: number;
  /** Since when it has been healthy, as an earlier daemon knew. */
  readonly healthySince: number | null;
  readonly prober: Prober;
  readonly time: Time;
  readonly onChange: (health: InstanceHealth) => void;
}

export interface HealthWatch {
  current(): InstanceHealth;
  stop(): void;
}

/** Until the first good probe: a fast start should be seen fast. A command is a process each time, hence slower. */
const EAGER_MS = { http: 50, tcp: 50, command: 250, none: 50 } as const;

export function watchHealth(options: HealthOptions): HealthWatch {
  const { time, health } = options;
  const stopped = new AbortController();
  let current: InstanceHealth =
    options.healthySince === null ? { status: 'starting' } : { status: 'healthy', since: options.healthySince };
  const become = (next: InstanceHealth): void => {
    current = next;
    options.onChange(next);
  };
  const judge = judgeOf(options);

  const loop = async (): Promise<void> => {
    await time.sleep(firstWait(options), stopped.signal);
    while (!stopped.signal.aborted) {
      const timeoutMs = timeoutOf(options, current);
      const verdict = await options.prober.probe(timeoutMs);
      if (stopped.signal.aborted) return;
      const next = judge(current, verdict, timeoutMs);
      const failedForGood = current.status === 'starting' && next.status === 'unhealthy';
      if (next !== current) become(next);
      if (health.probe.kind === 'none' || failedForGood) return;
      const wait = next.status === 'starting' ? Math.min(EAGER_MS[health.probe.kind], health.everyMs) : health.everyMs;
      await time.sleep(wait, stopped.signal);
    }
  };
  void loop().catch((error: unknown) => {
    if (!stopped.signal.aborted) throw error;
  });
  return {
    current: () => current,
    stop: () => {
      stopped.abort();
      options.prober.close();
    },
  };
}

const deadlineOf = ({ watchedFrom, health }: HealthOptions): number => watchedFrom + health.deadlineMs;

function firstWait({ health, launchedAt, warmUpMs, healthySince, time }: HealthOptions): number {
  return health.probe.kind === 'none' && healthySince === null ? Math.max(0, launchedAt + warmUpMs - time.now()) : 0;
}

/** While starting, no probe outlasts the deadline. */
function timeoutOf(options: HealthOptions, current: InstanceHealth): number {
  const { timeoutMs } = options.health;
  if (current.status !== 'starting') return timeoutMs;
  return Math.max(1, Math.min(timeoutMs, deadlineOf(options) - options.time.now()));
}

function judgeOf(options: HealthOptions): (current: InstanceHealth, verdict: Verdict, timeoutMs: number) => InstanceHealth {
  const { health, time } = options;
  let bad = 0;
  let why: string | null = null;
  return (current, verdict, timeoutMs) => {
    const now = time.now();
    if (verdict === null) {
      bad = 0;
      if (current.status === 'healthy') return current;
      // Nothing but its life speaks for it, and that began with the launch: a warm-up counts once.
      return { status: 'healthy', since: health.probe.kind === 'none' ? options.launchedAt : now };
    }
    bad++;
    // A probe that the deadline cut short says less than the one before it.
    if (why === null || timeoutMs >= health.timeoutMs) why = verdict;
    if (current.status === 'healthy' && bad >= health.fall) return { status: 'unhealthy', since: now, detail: verdict };
    // A warm-up counts only good probes: it begins anew.
    if (current.status === 'healthy' && now - current.since < options.warmUpMs) return { status: 'healthy', since: now };
    if (current.status === 'starting' && now >= deadlineOf(options)) {
      return { status: 'unhealthy', since: now, detail: `not healthy after ${seconds(health.deadlineMs)}: ${why}` };
    }
    return current;
  };
}
