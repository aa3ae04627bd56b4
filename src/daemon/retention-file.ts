/** retention.yaml in KILN_HOME: the policy of gc, over its defaults, and under what a command says. */
import { join } from 'node:path';

import * as z from 'zod';

import { DEFAULT_RETENTION, type RetentionPolicy } from '../lineage/retention.ts';
import type { Home } from '../platform/home.ts';
import { readSettings } from '../platform/settings-file.ts';
import { duration } from './duration-setting.ts';

const count = z.int().min(0).max(10_000);
const file = z.strictObject({
  keep: count.optional(),
  'keep-of-channel': count.optional(),
  'younger-than': duration.optional(),
  'launched-within': duration.optional(),
  trash: duration.optional(),
});
const HINT = 'it has keep, keep-of-channel, younger-than, launched-within and trash; docs/lineage.md says what they mean';

/** Throws as `readSettings`. */
export async function readRetention(home: Home): Promise<RetentionPolicy> {
  const { keep, trash, ...said } = await readSettings(join(home.root, 'retention.yaml'), file, HINT);
  return {
    keep: keep ?? DEFAULT_RETENTION.keep,
    keepOfChannel: said['keep-of-channel'] ?? DEFAULT_RETENTION.keepOfChannel,
    // What was just made has nobody to speak for it yet, whatever the file says.
    youngMs: Math.max(DEFAULT_RETENTION.youngMs, said['younger-than'] ?? 0),
    launchedMs: said['launched-within'] ?? DEFAULT_RETENTION.launchedMs,
    trashMs: trash ?? DEFAULT_RETENTION.trashMs,
  };
}
