/**
 * Virtual time. Nothing here waits for real: time moves when the driver of the simulation says so, from one due event to
 * the next, and between two events everything that the first one woke has run to its next wait.
 */
import type { Clock } from '../../platform/clock.ts';

interface Timer {
  readonly at: number;
  /** Breaks ties: first set, first run. */
  readonly order: number;
  /** Null once it was cancelled. */
  run: (() => void) | null;
  /** Running it resumes waiting code, which must come to its next wait before time moves on. */
  readonly wakes: boolean;
}

/** Waits until no promise reaction is left to run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Timer[] = [];

  constructor(startMs: number) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const stop = (): void => {
        timer.run = null;
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const timer = this.#add(this.#now + Math.max(0, ms), wake, true);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /**
   * Runs `event` when the time `at` (ms since the epoch) comes. What is overdue runs with the next step of time.
   * `wakes`: it resolves something that code waits for.
   */
  at(at: number, event: () => void, wakes = false): void {
    this.#add(Math.max(at, this.#now), event, wakes);
  }

  /** When the next event is due, or null. */
  nextAt(): number | null {
    return this.#heap[0]?.at ?? null;
  }

  /** Moves time on by `ms`, or to the first event after which `stop` says so. */
  async advance(ms: number, stop?: () => boolean): Promise<void> {
    const end = this.#now + ms;
    while (this.#heap[0] !== undefined && this.#heap[0].at <= end) {
      await this.#step();
      if (stop?.() === true) return;
    }
    this.#now = Math.max(this.#now, end);
  }

  /**
   * Moves time on for as long as `work` waits for it, and not further. Answers what `work` answers.
   * `abandon` true: nobody waits for `work` any more, answers undefined.
   */
  async finish<T>(work: Promise<T>, abandon?: () => boolean): Promise<T | undefined> {
    let over = false;
    const mark = (): void => {
      over = true;
    };
    work.then(mark, mark);
    for (;;) {
      await settled();
      if (over) return work;
      if (abandon?.() === true) return undefined;
      if (this.#heap.length === 0) throw new Error('the simulation is stuck: it waits, but for no event');
      await this.#step();
    }
  }

  /** Takes the earliest event off the heap and runs it. */
  async #step(): Promise<void> {
    const timer = this.#take();
    if (timer.run === null) return;
    this.#now = Math.max(this.#now, timer.at);
    timer.run();
    if (timer.wakes) await settled();
  }

  #add(at: number, run: () => void, wakes: boolean): Timer {
    const timer: Timer = { at, order: this.#order++, run, wakes };
    const heap = this.#heap;
    let hole = heap.length;
    heap.push(timer);
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = heap[above] as Timer;
      if (!isBefore(timer, parent)) break;
      heap[hole] = parent;
      hole = above;
    }
    heap[hole] = timer;
    return timer;
  }

  #take(): Timer {
    const heap = this.#heap;
    const first = heap[0] as Timer;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return first;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      if (!isBefore(heap[child] as Timer, last)) break;
      heap[hole] = heap[child] as Timer;
      hole = child;
    }
    heap[hole] = last;
    return first;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
