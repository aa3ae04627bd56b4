/**
 * When a daemon was last alive, so that the next one knows for how long none was: time in which nobody looked after a fleet
 * must not count against what it was doing. The time of a file, set anew every few seconds.
 */
import { closeSync, openSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import type { Journal } from '../store/journal.ts';

const BEAT_MS = 5_000;

export interface Pulse {
  /** For so long at least no daemon ran. One that dies again and again shortly after its start was never away. */
  readonly awayMs: number;
  stop(): void;
}

export function openPulse({ root }: Home, journal: Journal, clock: Clock): Pulse {
  const file = join(root, 'daemon.alive');
  const beat = (): void => {
    const now = clock.now() / 1000;
    try {
      utimesSync(file, now, now);
    } catch {
      // The home is gone, or its disk does not answer: others notice that, and say so.
    }
  };
  const beaten = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const alive = Math.max(beaten, journal.newest({ limit: 1 })[0]?.at ?? 0);
  const awayMs = alive === 0 ? 0 : Math.max(0, Math.floor(clock.now() - alive - BEAT_MS));
  closeSync(openSync(file, 'a', 0o600));
  beat();
  const timer = setInterval(beat, BEAT_MS);
  timer.unref();
  return {
    awayMs,
    stop: () => {
      clearInterval(timer);
      beat();
    },
  };
}
