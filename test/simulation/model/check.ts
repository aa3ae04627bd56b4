/**
 * The check of law 6, breadth-first over all situations that a fleet can come to within so many moves:
 * - whoever waits says for what, and until when, unless a person is needed already;
 * - a wait is over when its time has come, and the planner wants to look by then;
 * - if nothing comes but time, it ends at rest or with a person who is asked for; if what is waited for comes, at rest;
 * - at rest nothing is left to do, however much time passes;
 * - an abort is never refused but for a point of no return.
 */
import type { WaitingState } from '../../../src/plan/waiting.ts';
import { canonical } from './canonical.ts';
import {
  beginning,
  Broken,
  commanded,
  deployed,
  helped,
  movesOf,
  settled,
  timePasses,
  type Situation,
  type Subject,
} from './machine.ts';

export interface Bounds {
  readonly moves: number;
  /** Situations looked at in all. */
  readonly most: number;
}

export interface Checked {
  readonly situations: number;
  /** All that so many lead to, from any situation of a rollout that goes well, were looked at. */
  readonly moves: number;
  readonly states: ReadonlySet<WaitingState>;
  /** In words, with the moves that led there; empty where all is well. */
  readonly broken: readonly string[];
}

/** That can be late without anybody having been promised an end: Kiln goes on trying, and says so. */
const MAY_BE_LATE: ReadonlySet<WaitingState> = new Set(['healing', 'stopping', 'removing', 'job-end', 'traffic']);

export function check(subject: Subject, { moves: depth, most }: Bounds): Checked {
  const checker = new Checker(subject);
  return checker.run(depth, most);
}

interface Found {
  readonly at: Situation;
  readonly path: readonly string[];
}

const MANY_BROKEN = 5;
const LONG_WAY = 200;

class Checker {
  readonly #subject: Subject;
  readonly #broken: string[] = [];
  readonly #states = new Set<WaitingState>();
  readonly #frozen = new Set<string>();
  readonly #helped = new Set<string>();

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  run(depth: number, most: number): Checked {
    let edge = this.#goodWay();
    const seen = new Set(edge.map(({ at }) => canonical(at)));
    let moved = 0;
    for (; moved < depth && edge.length > 0; moved++) {
      const next: Found[] = [];
      for (const found of edge) {
        this.#look(found);
        if (this.#broken.length >= MANY_BROKEN) return this.#result(seen.size, moved);
        for (const to of this.#onwards(found)) {
          const key = canonical(to.at);
          if (seen.has(key)) continue;
          if (seen.size >= most) return this.#result(seen.size, moved);
          seen.add(key);
          next.push(to);
        }
      }
      edge = next;
    }
    for (const found of edge) this.#look(found);
    return this.#result(seen.size, moved);
  }

  /** Every situation of rollouts that go well, of everything that there is to be deployed. */
  #goodWay(): readonly Found[] {
    const way: Found[] = [];
    let path: readonly string[] = ['deploy'];
    let at = this.#tried(() => beginning(this.#subject), path);
    while (at !== null) {
      way.push({ at, path });
      if (way.length > LONG_WAY) {
        this.#break('a rollout that goes well does not end', path);
        break;
      }
      const from: Situation = at;
      const over = isRest(from) && isOld(from);
      path = [...path, over ? 'deploy' : 'it goes well'];
      at = this.#tried(() => (over ? deployed : helped)(this.#subject, from), path);
    }
    return way;
  }

  #result(situations: number, moves: number): Checked {
    return { situations, moves, states: this.#states, broken: this.#broken };
  }

  #break(what: string, path: readonly string[]): void {
    this.#broken.push(`${what}, after ${path.join(', ')}`);
  }

  *#onwards({ at, path }: Found): Iterable<Found> {
    for (const { name, to } of movesOf(this.#subject)) {
      const reached = this.#tried(() => to(at), [...path, name]);
      if (reached !== null) yield { at: reached, path: [...path, name] };
    }
  }

  #tried(act: () => Situation | null, path: readonly string[]): Situation | null {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#break(error.message, path);
      return null;
    }
  }

  #look(found: Found): void {
    const { at } = found;
    this.#waits(found);
    this.#abort(found);
    this.#follow(found, this.#frozen, 'if nothing comes but time', (from) => timePasses(this.#subject).to(from), isOver);
    this.#follow(
      found,
      this.#helped,
      'if all comes',
      (from) => helped(this.#subject, from),
      (each) => isRest(each) || isHeld(each),
    );
    if (isRest(at) && at.plan.wakeAt === null) this.#rest(found);
  }

  #waits(found: Found): void {
    const { plan, now } = found.at;
    for (const wait of plan.waits) {
      this.#states.add(wait.state);
      if (wait.until === null && !mayWaitForEver(found.at, wait.state)) this.#break(`"${wait.what}" has no deadline`, found.path);
      if (wait.until !== null && wait.until <= now) this.#break(`it still waits for "${wait.what}" at its deadline`, found.path);
      if (wait.until !== null && (plan.wakeAt ?? Infinity) > wait.until)
        this.#break(`nobody wakes for the deadline of "${wait.what}"`, found.path);
    }
    if (plan.waits.length === 0 && !isRest(found.at)) this.#break('it waits and does not say for what', found.path);
  }

  #abort(found: Found): void {
    const { at } = found;
    const { rollout } = at.state;
    if (rollout?.phase !== 'advancing' || at.state.life !== 'active') return;
    const back = this.#tried(() => commanded(this.#subject, at, { kind: 'abort', pastNoReturn: true }), found.path);
    if (back === null) this.#break('an abort is refused', found.path);
  }

  #follow(
    found: Found,
    known: Set<string>,
    when: string,
    on: (from: Situation) => Situation | null,
    over: (at: Situation) => boolean,
  ): void {
    const way = new Set<string>();
    let at: Situation | null = found.at;
    while (at !== null && !(over(at) && isOld(at))) {
      const key = canonical(at);
      if (known.has(key)) break;
      if (way.has(key)) return this.#break(`${when}, it goes round in circles`, found.path);
      way.add(key);
      const from: Situation = at;
      const next: Situation | null = this.#tried(() => on(from), found.path);
      if (next === null) {
        if (!over(from)) this.#break(`${when}, it ends with ${describe(from)}`, found.path);
        break;
      }
      for (const late of next.plan.waits.filter(({ until }) => until !== null && until <= next.now))
        this.#break(`${when}, "${late.what}" outlives its deadline`, found.path);
      at = next;
    }
    for (const key of way) known.add(key);
  }

  /** Nothing changes any more by itself. */
  #rest(found: Found): void {
    const { at } = found;
    const later = this.#tried(() => settled(this.#subject, { ...at, now: at.now + YEAR_MS }), found.path);
    if (later !== null && later.state !== at.state) this.#break('what was at rest moves by itself', found.path);
  }
}

const YEAR_MS = 365 * 86_400_000;

/** No window is left that only time closes. */
const isOld = ({ state }: Situation): boolean => state.warm.length === 0 && state.recycled === null;

/** Nothing is under way. */
const isRest = ({ state, plan }: Situation): boolean =>
  plan.waits.length === 0 && (state.rollout === null || state.life !== 'active');

/** The way on has failed and the way back is closed: everything stays as it is until somebody deploys. */
const isHeld = ({ plan }: Situation): boolean => plan.waits.some(({ state }) => state === 'person');

const isOver = (at: Situation): boolean =>
  isRest(at) || at.plan.waits.every(({ until, state }) => until === null && mayWaitForEver(at, state));

const mayWaitForEver = ({ state }: Situation, waiting: WaitingState): boolean =>
  MAY_BE_LATE.has(waiting) || (state.rollout?.phase === 'attention' && state.life === 'active');

const describe = ({ state, plan }: Situation): string =>
  `${state.life}, ${state.rollout === null ? 'no rollout' : `${state.rollout.phase} to r${state.rollout.to}`}, waiting for ${plan.waits.map(({ what }) => what).join(' and ') || 'nothing'}`;
