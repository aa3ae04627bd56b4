/** The newest check of bases, and how one is asked for: base-check.ts does it, base-watch.ts does it again and again. */
import type { LineageEvent } from '../lineage/events.ts';

type BaseEvent = Extract<LineageEvent, { kind: 'base.moved' | 'packages.moved' }>;

export interface BaseCheck {
  readonly at: number;
  /** Who did not answer, and why. Nothing is taken from their silence. */
  readonly unanswered: readonly string[];
  /** What was new; it is in the history. */
  readonly news: readonly BaseEvent[];
}

/** One check at a time, whoever asks; and the newest, for who only wants to know. */
export interface BaseWatch {
  readonly last: BaseCheck | null;
  check(): Promise<BaseCheck>;
}

export function openBaseWatch(check: () => Promise<BaseCheck>): BaseWatch {
  let last: BaseCheck | null = null;
  let underWay: Promise<BaseCheck> | null = null;
  return {
    get last() {
      return last;
    },
    check() {
      underWay ??= check()
        .then((done) => (last = done))
        .finally(() => (underWay = null));
      return underWay;
    },
  };
}
