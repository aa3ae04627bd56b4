/** Something that is read now and then, in the background, one reading at a time: nobody waits for it, and one that hangs is given up. */
import type { CallContext } from '../engines/engine.ts';
import type { Clock } from '../platform/clock.ts';

/** More than any reading may take. */
const HANGS_MS = 15_000;

export class Readings {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  /** What is read; null: nothing. */
  #subject: string | null = null;
  #everyMs = 0;
  /** When the newest reading began, and what ends it while it is under way. */
  #at: number | null = null;
  #running: AbortController | null = null;

  /** `stop`: no reading goes on after it. */
  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
  }

  /** When it wants to be asked again; null: whenever there is something to read. */
  get nextAt(): number | null {
    return this.#at === null ? null : this.#at + (this.#running === null ? this.#everyMs : HANGS_MS);
  }

  end(): void {
    this.#running?.abort(new Error('nobody waits for it any more'));
    this.#running = null;
    this.#at = null;
    this.#subject = null;
  }

  /** Begins a reading where one is due. What another subject left under way is given up. */
  keep(subject: string, everyMs: number, read: (ctx: CallContext) => Promise<void>): void {
    if (subject !== this.#subject) this.end();
    this.#subject = subject;
    this.#everyMs = everyMs;
    const now = this.#clock.now();
    if ((this.nextAt ?? now) > now) return;
    this.#running?.abort(new Error('it hangs'));
    const running = new AbortController();
    this.#running = running;
    this.#at = now;
    read({ signal: AbortSignal.any([running.signal, this.#stop]) })
      .catch(() => {})
      .finally(() => {
        if (this.#running === running) this.#running = null;
      })
      .catch(() => {});
  }
}
