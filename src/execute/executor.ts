/**
 * Does effects, and knows nothing of strategies: journals the intent, does the effect, journals the result (law 9). Effects
 * are idempotent, so that one whose result was lost in a crash is simply planned again.
 */
import { KilnError, messageOf } from '../errors/error.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import type { Entry, Journal, NewEntry } from '../store/journal.ts';

export class Executor {
  readonly #journal: Journal;
  readonly #stop = new AbortController();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Fires when the daemon stops: effects under way give up, and nothing is recorded any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  append(entries: readonly NewEntry[]): readonly Entry[] {
    this.signal.throwIfAborted();
    return entries.length === 0 ? [] : this.#journal.append(entries);
  }

  /** `step` says what is done, for history. The effect's own error is thrown on after it was journaled. */
  async effect<T>(fleet: FleetId, step: Json, act: () => Promise<T>): Promise<T> {
    const [intent] = this.append([{ fleet, kind: 'step.intent', data: step }]);
    const ref = intent?.seq ?? 0;
    try {
      const result = await act();
      this.append([{ fleet, kind: 'step.done', data: { intent: ref } }]);
      return result;
    } catch (error) {
      if (!this.signal.aborted) this.append([{ fleet, kind: 'step.failed', data: { intent: ref, why: explain(error) } }]);
      throw error;
    }
  }

  close(): void {
    this.#stop.abort(new Error('the daemon is stopping'));
  }
}

const explain = (error: unknown): string => (error instanceof KilnError ? `${error.code}: ${error.message}` : messageOf(error));
