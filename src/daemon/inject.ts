/**
 * Faults on purpose, for tests of the daemon on the real machine: its option `--inject engine:launch:2:crash-after` lets the
 * second launch succeed and ends the daemon, by SIGKILL, before it hears of it. The words for faults are the simulator's
 * (src/engines/sim/faults.ts), which makes them at every step of every strategy; here one is made at one step.
 */
import type { Balancer, CallContext, Runtime } from '../engines/engine.ts';
import type { Fault } from '../engines/sim/faults.ts';
import { KilnError } from '../errors/error.ts';
import type { Journal } from '../store/journal.ts';

/** `daemon`: its journal, whose verbs are the kinds of entries; the others by their interfaces' verbs. */
const PLACES = ['daemon', 'engine', 'balancer'] as const;
const FAULTS = [
  'fail-before',
  'fail-after',
  'twice',
  'hang-before',
  'hang-after',
  'crash-before',
  'crash-after',
] as const satisfies readonly Fault[];
/** An append is local: it fails as a whole, or the daemon dies beside it. */
const OF_APPENDS: ReadonlySet<string> = new Set(['fail-before', 'crash-before', 'crash-after']);

export interface Injection {
  readonly place: (typeof PLACES)[number];
  readonly verb: string;
  /** From 1: of the calls of that verb since the daemon has started. */
  readonly nth: number;
  readonly fault: (typeof FAULTS)[number];
}

/** What `--inject` gives, as often as it is there. Throws USAGE. */
export function injectionsIn(args: readonly string[]): readonly Injection[] {
  return args.flatMap((arg, index) => (args[index - 1] === '--inject' ? [injectionOf(arg)] : []));
}

function injectionOf(text: string): Injection {
  const [place, verb = '', number = '', word] = text.split(':');
  const [at, fault] = [PLACES.find((each) => each === place), FAULTS.find((each) => each === word)];
  const fits = at !== undefined && fault !== undefined && verb !== '' && /^[1-9]\d{0,3}$/.test(number);
  if (fits && (at !== 'daemon' || OF_APPENDS.has(fault))) return { place: at, verb, nth: Number(number), fault };
  throw new KilnError('USAGE', `--inject is "${text}"`, {
    hint: `give PLACE:VERB:NTH:FAULT, as in engine:launch:2:crash-after; faults: ${FAULTS.join(', ')}`,
  });
}

/** What the daemon is to have in place of the true ones. */
export interface Injected {
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly balancer: Balancer;
}

export function withInjections(it: Injected, injections: readonly Injection[], die: () => never = dieNow): Injected {
  if (injections.length === 0) return it;
  const of = (place: Injection['place']): Countdown => new Countdown(injections.filter((each) => each.place === place));
  return {
    journal: faultyJournal(it.journal, of('daemon'), die),
    runtime: faulty(it.runtime, of('engine'), die),
    balancer: faulty(it.balancer, of('balancer'), die),
  };
}

/** Counts calls, and says which one goes wrong and how. */
class Countdown {
  readonly #injections: readonly Injection[];
  readonly #calls = new Map<string, number>();

  constructor(injections: readonly Injection[]) {
    this.#injections = injections;
  }

  next(verb: string): Injection['fault'] | null {
    const nth = (this.#calls.get(verb) ?? 0) + 1;
    this.#calls.set(verb, nth);
    return this.#injections.find((each) => each.verb === verb && each.nth === nth)?.fault ?? null;
  }
}

function faultyJournal(journal: Journal, countdown: Countdown, die: () => never): Journal {
  const append: Journal['append'] = (entries) => {
    const faults = new Set(entries.map(({ kind }) => countdown.next(kind)));
    if (faults.has('fail-before')) throw new KilnError('DISK_FULL', 'this fault was injected', { hint: 'go on' });
    if (faults.has('crash-before')) die();
    const appended = journal.append(entries);
    if (faults.has('crash-after')) die();
    return appended;
  };
  return overlaid(journal, (name) => (name === 'append' ? append : undefined));
}

type Call = (...given: readonly unknown[]) => unknown;

function faulty<T extends Runtime | Balancer>(part: T, countdown: Countdown, die: () => never): T {
  return overlaid(part, (name, call) => (...given: readonly unknown[]) => {
    const fault = countdown.next(name);
    return fault === null ? call(...given) : spoilt(fault, () => Promise.resolve(call(...given)), given.find(isContext), die);
  });
}

/** The same but for its functions, which are asked for by their names each time: what is read is as it is now. */
function overlaid<T extends object>(part: T, instead: (name: string, call: Call) => Call | Journal['append'] | undefined): T {
  return new Proxy(part, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || typeof name !== 'string') return value;
      const call: Call = (...given) => Reflect.apply(value, target, given) as unknown;
      return instead(name, call) ?? call;
    },
  });
}

const isContext = (value: unknown): value is CallContext => typeof value === 'object' && value !== null && 'signal' in value;

async function spoilt(
  fault: Injection['fault'],
  act: () => Promise<unknown>,
  ctx: CallContext | undefined,
  die: () => never,
): Promise<unknown> {
  switch (fault) {
    case 'fail-before':
      throw lost();
    case 'fail-after':
      await act();
      throw lost();
    case 'twice':
      await act();
      return act();
    case 'hang-before':
      await hang(ctx);
      throw lost();
    case 'hang-after':
      await act();
      await hang(ctx);
      throw lost();
    case 'crash-before':
      return die();
    case 'crash-after':
      await act();
      return die();
  }
}

const lost = (): KilnError => new KilnError('ENGINE_UNREACHABLE', 'this fault was injected', { hint: 'go on' });

const HANG_MS = 5_000;

/** No answer, until whoever asked gives up. */
const hang = (ctx: CallContext | undefined): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, HANG_MS);
    ctx?.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });

function dieNow(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('the daemon dies here');
}
