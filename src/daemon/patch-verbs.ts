/** The verbs of patches. */
import type { Handlers, PatchPlanBody, PatchStatusBody } from '../api/schema.ts';
import { KilnError } from '../errors/error.ts';
import type { CallContext } from '../engines/engine.ts';
import type { FleetId } from '../domain/ids.ts';
import type { CascadeStep } from '../lineage/cascade-steps.ts';
import type { Patch } from '../lineage/patch-steps.ts';
import { followCascade } from './cascade.ts';
import type { Parts } from './parts.ts';
import { beginPatch, followPatch } from './patch.ts';
import { leftovers, planOf, type PlannedPatch } from './patch-plan.ts';

export function patchVerbs(parts: Parts): Pick<Handlers, 'planPatch' | 'patch' | 'patchStatus'> {
  const { lineage } = parts;
  return {
    planPatch: async ({ cve }, ctx) => planBody(parts, cve, await planOf(parts, cve, ctx), ctx),
    /** Answers when it has begun. Given twice, the second joins the first. */
    async patch({ cve, by, breakGlass }, ctx) {
      const planned = await planOf(parts, cve, ctx);
      const plan = await planBody(parts, cve, planned, ctx);
      const glass = breakGlass ?? null;
      const running = [...lineage.state.patches.values()].find((each) => isSame(each, { cve, glass }, planned));
      if (running !== undefined) return { id: running.id, joined: true, plan };
      if (planned.steps.length === 0 && planned.fleets.length === 0) return { id: null, joined: false, plan };
      const id = beginPatch(parts, planned, { cve, by, glass });
      // Where either fails, the journal has how far it came, and the next daemon goes on.
      followCascade(parts, () => {}).catch(() => {});
      followPatch(parts, id).catch(() => {});
      return { id, joined: false, plan };
    },
    async patchStatus({ id }, ctx) {
      const patch = lineage.state.patches.get(id);
      if (patch === undefined) {
        throw new KilnError('NOT_FOUND', `there is no patch ${id}`, { hint: '`kiln history` tells of those that there were' });
      }
      return statusBody(parts, patch, ctx);
    },
  };
}

/** Under way, and there is nothing to do that it does not do: only what was stuck, or has failed, makes another. */
function isSame(patch: Patch, asked: Pick<Patch, 'cve' | 'glass'>, { fleets, steps, usable }: PlannedPatch): boolean {
  if (patch.finishedAt !== null || patch.cve.toLowerCase() !== asked.cve.toLowerCase()) return false;
  if (asked.glass !== null && patch.glass === null) return false;
  if (patch.made.size < patch.steps.length) return true;
  const isOpen = (fleet: FleetId): boolean =>
    patch.fleets.some((each) => each.fleet === fleet) && (patch.ended.get(fleet)?.outcome ?? 'mended') === 'mended';
  const isIdle = ({ stuck, image, channels }: CascadeStep): boolean =>
    stuck !== null || (usable.has(image) && channels.length === 0);
  return fleets.every(({ fleet, stuck }) => stuck !== null || isOpen(fleet)) && steps.every(isIdle);
}

async function planBody(parts: Parts, cve: string, planned: PlannedPatch, ctx: CallContext): Promise<PatchPlanBody> {
  const { images, steps, fleets, usable, diagnosis } = planned;
  const { harmless, unjudged, doubts } = diagnosis;
  return {
    cve,
    images,
    steps: steps.map((step) => ({ ...step, mended: usable.has(step.image) })),
    fleets,
    left: await leftovers(parts, new Set(images.map(({ image }) => image)), ctx),
    harmless,
    unjudged,
    doubts,
  };
}

async function statusBody(parts: Parts, patch: Patch, ctx: CallContext): Promise<PatchStatusBody> {
  const { id, cve, by, at, finishedAt, images, steps, fleets, made, ended } = patch;
  return {
    id,
    cve,
    by,
    startedAt: at,
    finishedAt,
    steps,
    results: [...made.values()],
    fleets,
    rollouts: [...ended.values()],
    left: await leftovers(parts, new Set(images), ctx),
  };
}
