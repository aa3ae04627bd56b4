/** The boundary between a daemon and the world: every call passes here, is counted, and may go wrong as `Faults` says. */
import { KilnError } from '../../errors/error.ts';
import type { ErrorCode } from '../../errors/catalogue.ts';
import type { CallContext } from '../engine.ts';
import type { VirtualClock } from './clock.ts';
import { CrashSignal, HANG_MS, type Fault, type Faults, type Verb } from './faults.ts';
import type { Random } from './random.ts';

/** One life of the daemon. After its crash nothing that is left of its code can touch the world. */
export class DaemonLife {
  #alive = true;

  get alive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
  }
}

export interface Effect<T> {
  readonly verb: Verb;
  readonly subject: string;
  /** Which error a lost call throws. */
  readonly unreachable: ErrorCode;
  readonly run: () => T | Promise<T>;
  /** What a half-done call leaves behind; without it half is nothing. */
  readonly half?: () => void;
}

export type Note = (text: string) => void;

export class Calls {
  #count = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #note: Note;
  faults: Faults;

  constructor(clock: VirtualClock, random: Random, faults: Faults, note: Note) {
    this.#clock = clock;
    this.#random = random;
    this.#note = note;
    this.faults = faults;
  }

  /** Calls so far: the index of the next one. */
  get count(): number {
    return this.#count;
  }

  make<T>(life: DaemonLife, ctx: CallContext, effect: Effect<T>): Promise<T> {
    if (!life.alive) return Promise.reject(new CrashSignal());
    const fault = this.#draw(effect.verb, effect.subject);
    if (fault !== 'none') return this.#faulty(fault, life, ctx, effect);
    try {
      return Promise.resolve(effect.run());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A synchronous local write, such as an append to the journal: it only fails, or the daemon dies before or after it. */
  write<T>(life: DaemonLife, subject: string, run: () => T): T {
    if (!life.alive) throw new CrashSignal();
    const fault = this.#draw('append', subject);
    if (fault === 'fail-before') throw new KilnError('DISK_FULL', 'the simulated disk is full', { hint: 'go on' });
    if (fault === 'crash-before') throw this.#crash(life);
    const written = run();
    if (fault === 'crash-after') throw this.#crash(life);
    return written;
  }

  #draw(verb: Verb, subject: string): Fault {
    const index = this.#count++;
    const fault = this.faults.draw({ verb, index, subject });
    if (fault !== 'none') this.#note(`call ${index} ${verb} ${subject}: ${fault}`);
    return fault;
  }

  async #faulty<T>(fault: Fault, life: DaemonLife, ctx: CallContext, effect: Effect<T>): Promise<T> {
    const { verb, subject, unreachable, run } = effect;
    const lost = (how: string): KilnError =>
      new KilnError(unreachable, `${verb} ${subject}: ${how}`, { hint: 'the simulator made this fault; go on' });
    switch (fault) {
      case 'none':
        return run();
      case 'half':
        effect.half?.();
        throw lost('refused half-way');
      case 'fail-before':
        throw lost('refused');
      case 'fail-after':
        await run();
        throw lost('the answer was lost');
      case 'hang-after':
        void Promise.resolve(run()).catch(() => {}); // Nobody hears how it ended.
        await this.#clock.sleep(HANG_MS, ctx.signal);
        throw lost('no answer');
      case 'hang-before':
        await this.#clock.sleep(HANG_MS, ctx.signal);
        throw lost('no answer');
      case 'slow':
        await this.#clock.sleep(this.#random.between(100, 5000), ctx.signal);
        if (!life.alive) throw new CrashSignal();
        return run();
      case 'twice':
        await run();
        return run();
      case 'crash-before':
        throw this.#crash(life);
      case 'crash-after':
        await run();
        throw this.#crash(life);
    }
  }

  #crash(life: DaemonLife): CrashSignal {
    life.end();
    return new CrashSignal();
  }
}
