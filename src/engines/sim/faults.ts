/** What can go wrong with a call. The world asks a `Faults` before each call of an engine and each append to the journal. */
import type { Random } from './random.ts';

export type Fault =
  | 'none'
  /** Refused: no effect. */
  | 'fail-before'
  /** The effect happens, the answer is lost. */
  | 'fail-after'
  /** No answer until the caller gives up or HANG_MS have passed; no effect. */
  | 'hang-before'
  /** The same, but the effect happened at once. */
  | 'hang-after'
  /** Takes its time, then succeeds. */
  | 'slow'
  /** The effect happens twice. */
  | 'twice'
  /** A launch that leaves something half made; for other calls the same as fail-before. */
  | 'half'
  /** The daemon dies before the effect, or after it and before it hears of it. */
  | 'crash-before'
  | 'crash-after';

export type Verb =
  | 'append'
  | 'check'
  | 'ensureImage'
  | 'launch'
  | 'remove'
  | 'kill'
  | 'observe'
  | 'apply'
  | 'requireListen'
  | 'removeFleet'
  | 'evict'
  | 'observeBalancer'
  | 'metrics'
  | 'usage'
  | 'tables'
  | 'startJob'
  | 'jobs'
  | 'removeJob'
  | 'test'
  | 'output'
  | 'measure'
  | 'deliver';

export interface Call {
  readonly verb: Verb;
  /** Counts the calls of the world from 0, appends included. */
  readonly index: number;
  /** What it is about: an instance, a fleet, the kinds of the entries. */
  readonly subject: string;
}

export interface Faults {
  draw(call: Call): Fault;
}

export const HANG_MS = 60_000;

export const noFaults: Faults = { draw: () => 'none' };

/** How many calls in a thousand go wrong in each way. */
export type FaultRates = Readonly<Partial<Record<Exclude<Fault, 'none'>, number>>>;

const CALL_FAULTS = ['fail-before', 'fail-after', 'hang-before', 'hang-after', 'slow', 'twice', 'half'] as const;
const CRASHES = ['crash-before', 'crash-after'] as const;

/** Faults by chance. An append never hangs or is lost (it is local and synchronous): it only fails, or the daemon dies. */
export function randomFaults(random: Random, rates: FaultRates): Faults {
  const calls = [...CALL_FAULTS, ...CRASHES].map((fault) => [fault, rates[fault] ?? 0] as const);
  const appends = CRASHES.map((fault) => [fault, rates[fault] ?? 0] as const);
  return {
    draw({ verb }) {
      let drawn = random.below(1000);
      for (const [fault, share] of verb === 'append' ? appends : calls) {
        if (drawn < share) return fault;
        drawn -= share;
      }
      return 'none';
    },
  };
}

/** One fault at the call of this index, and none elsewhere: for loops over every call of a history. */
export const faultAt = (index: number, fault: Fault): Faults => ({
  draw: (call) => (call.index === index ? fault : 'none'),
});

/** Thrown into the daemon's code when it is to die. From then on every call of that daemon throws it, without effect. */
export class CrashSignal extends Error {
  constructor() {
    super('the simulated daemon crashed here');
    this.name = 'CrashSignal';
  }
}
