/**
 * The watch of bases: asks as often as watch.yaml in KILN_HOME says, which is never where there is none. What it finds is in
 * the history; what stands on it is made again only where the file asks for that.
 */
import { join } from 'node:path';

import type { Logger } from 'pino';
import * as z from 'zod';

import type { Digest } from '../domain/digest.ts';
import { messageOf } from '../errors/error.ts';
import { isMoved, movedBases } from '../lineage/bases.ts';
import { planCascade } from '../lineage/cascade.ts';
import type { Home } from '../platform/home.ts';
import { readSettings } from '../platform/settings-file.ts';
import { beginCascade, followCascade } from './cascade.ts';
import { duration } from './duration-setting.ts';
import type { Parts } from './parts.ts';

/** Registries and mirrors are asked no more often, whatever the file says. */
const LEAST_MS = 60_000;
/** How soon a change of the file is seen. */
const ROUND_MS = 10_000;

const file = z.strictObject({
  /** Absent: never. */
  every: duration.transform((ms) => Math.max(LEAST_MS, ms)).optional(),
  cascade: z.boolean().default(false),
});
const HINT = 'it has every (as in 6h) and cascade (true or false); docs/lineage.md says what they mean';

export interface WatchSettings {
  readonly everyMs: number;
  /** Whether what stands on a base that has moved is made again. */
  readonly cascades: boolean;
}

/** Null: nothing is watched. Throws as `readSettings`. */
export async function readWatch(home: Home): Promise<WatchSettings | null> {
  const { every, cascade } = await readSettings(join(home.root, 'watch.yaml'), file, HINT);
  return every === undefined ? null : { everyMs: every, cascades: cascade };
}

/** Until the daemon stops. */
export async function watchBases(parts: Parts, log: Logger): Promise<void> {
  const { clock, stopping } = parts;
  let complaint = '';
  while (!stopping.aborted) {
    try {
      await lookNow(parts);
      complaint = '';
    } catch (error) {
      // Once, not every ten seconds.
      if (!stopping.aborted && messageOf(error) !== complaint) log.warn({ err: error }, 'bases are not watched');
      complaint = messageOf(error);
    }
    await clock.sleep(ROUND_MS, stopping).catch(() => {});
  }
}

async function lookNow(parts: Parts): Promise<void> {
  const { home, clock, bases } = parts;
  const settings = await readWatch(home);
  if (settings === null || (bases.last !== null && clock.now() < bases.last.at + settings.everyMs)) return;
  const { news } = await bases.check();
  // What could not be made again is not tried anew until something else has moved.
  if (!settings.cascades || news.length === 0 || parts.lineage.state.cascade !== null) return;
  const steps = planCascade(parts.lineage.state, await parts.graph.parents(), movedRoots(parts));
  if (steps.length === 0) return;
  beginCascade(parts, steps, 'the watch of bases');
  await followCascade(parts, () => {});
}

/** What images were built on that has moved since. */
export const movedRoots = ({ lineage }: Pick<Parts, 'lineage'>): readonly Digest[] =>
  movedBases(lineage.state)
    .filter(isMoved)
    .map(({ digest }) => digest);
