/**
 * Patches carried out: a saga in the journal, resumed by the next daemon where this one was killed. Its images are made by
 * the cascade of the same id; beside that each fleet waits for the image that it needs, and is rolled out by its own strategy.
 */
import type { Digest } from '../domain/digest.ts';
import { serviceOf, type FleetId } from '../domain/ids.ts';
import { lineageEntry } from '../lineage/events.ts';
import { patchOf } from '../lineage/patch-state.ts';
import type { FleetResult, Patch } from '../lineage/patch-steps.ts';
import { requireNoCascade } from './cascade.ts';
import type { Parts } from './parts.ts';
import { leftovers, type Leftover, type PlannedPatch } from './patch-plan.ts';
import { rollOut } from './patch-rollout.ts';
import { until } from './until.ts';

const patchAt = ({ lineage }: Parts, id: number): Patch => patchOf(lineage.state.patches, id);

/** Begins one. Throws USAGE while the images of another, or of a cascade, are being made. Its id. */
export function beginPatch(
  parts: Parts,
  { images: affected, steps, fleets }: PlannedPatch,
  asked: Pick<Patch, 'cve' | 'by' | 'glass'>,
): number {
  requireNoCascade(parts);
  const images = affected.map(({ image }) => image);
  const [entry] = parts.journal.append([lineageEntry({ kind: 'patch.started', ...asked, images, steps, fleets })]);
  return entry?.seq ?? 0;
}

/** All that were under way when the last daemon ended. */
export const openPatches = ({ lineage }: Parts): readonly number[] =>
  [...lineage.state.patches.values()].filter(({ finishedAt }) => finishedAt === null).map(({ id }) => id);

/** To its end: nothing of it runs any more, or what still does needs somebody. Ends early when the daemon stops. */
export async function followPatch(parts: Parts, id: number): Promise<void> {
  const { fleets } = patchAt(parts, id);
  const services = Map.groupBy(fleets, ({ fleet }) => serviceOf(fleet));
  await Promise.all([...services.values()].map((own) => rollService(parts, id, own)));
  const left = await until(parts, () => remaining(parts, id));
  if (left !== null && !parts.stopping.aborted) parts.journal.append([lineageEntry({ kind: 'patch.finished', patch: id, left })]);
}

/** One environment after the other, in the order of the plan: what one of them does not take is not for those after it. */
async function rollService(parts: Parts, id: number, own: Patch['fleets']): Promise<void> {
  let failed: FleetId | null = null;
  for (const target of own) {
    const { ended } = patchAt(parts, id);
    const known = ended.get(target.fleet);
    const result: FleetResult | null = known ?? (failed === null ? await rollOut(parts, id, target) : heldBy(target, failed));
    if (result === null) return;
    if (known === undefined) parts.journal.append([lineageEntry({ kind: 'patch.fleet', patch: id, result })]);
    if (result.outcome === 'rolled-back' || result.outcome === 'attention') failed = target.fleet;
  }
}

const heldBy = ({ fleet, release }: Patch['fleets'][number], failed: FleetId): FleetResult => ({
  fleet,
  outcome: 'stuck',
  release,
  why: `${failed}, which comes before it, did not take the mended image`,
});

/**
 * How many instances are left once waiting for more to go is over; null: it goes on. Those of mended fleets go by
 * themselves, when the way back has been kept for as long as it is to be; in all others they stay until somebody acts.
 */
async function remaining(parts: Parts, id: number): Promise<number | null> {
  const { images, ended } = patchAt(parts, id);
  const left = await observed(parts, new Set(images));
  const going = left.filter(({ fleet, release }) => ended.get(fleet)?.outcome === 'mended' && !isTarget(parts, fleet, release));
  return going.length > 0 ? null : left.reduce((sum, { instances }) => sum + instances, 0);
}

const RETRY_MS = 2_000;

/** What can't be observed now may be there still: it is looked at again. */
async function observed(parts: Parts, images: ReadonlySet<Digest>): Promise<readonly Leftover[]> {
  const { clock, stopping: signal } = parts;
  while (!signal.aborted) {
    const left = await leftovers(parts, images, { signal }).catch(() => null);
    if (left !== null) return left;
    await clock.sleep(RETRY_MS, signal).catch(() => {});
  }
  return [];
}

function isTarget({ fleets }: Parts, fleet: FleetId, release: number): boolean {
  const { rollout, serving } = fleets.state(fleet);
  return (rollout === null ? serving : rollout.to) === release;
}
