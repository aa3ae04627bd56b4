/**
 * Cascades carried out: a saga in the journal, resumed by the next daemon where this one was killed. Each step is a bake with
 * `--update`, its gates, and the move of the channels that held what it replaces; a bake that was cut off is simply done again.
 */
import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { nextStep } from '../lineage/cascade.ts';
import type { CascadeStep, StepResult } from '../lineage/cascade-steps.ts';
import type { MoveRequest } from '../lineage/channels.ts';
import { lineageEntry } from '../lineage/events.ts';
import type { OpenCascade } from '../lineage/state.ts';
import { loadSpec } from '../spec/load.ts';
import { bakeSpec, failedGates } from './bake-pipeline.ts';
import { moveChannel } from './channel-verbs.ts';
import { debianPackagesWith, isMended, mendingOf } from './mending.ts';
import type { Parts } from './parts.ts';

/** Begins one. Throws USAGE while another is under way. Its id. */
export function beginCascade(parts: Parts, steps: readonly CascadeStep[], by: string): number {
  requireNoCascade(parts);
  const [entry] = parts.journal.append([lineageEntry({ kind: 'cascade.started', steps, by })]);
  return entry?.seq ?? 0;
}

/** Two at once would make the same images, each without what the other has made. */
export function requireNoCascade({ lineage }: Parts): void {
  const { cascade } = lineage.state;
  if (cascade === null) return;
  const what = cascade.mends === null ? 'a cascade is under way' : `a patch of ${cascade.mends} is making images`;
  throw new KilnError('USAGE', what, { hint: '`kiln history` shows how far it is; wait for its end' });
}

/** Carries on with the cascade that is under way, to its end. Nothing where there is none. Ends early when the daemon stops. */
export async function followCascade(parts: Parts, onStep: (result: StepResult) => void): Promise<void> {
  const { lineage, journal, stopping } = parts;
  for (;;) {
    const open = lineage.state.cascade;
    if (open === null || stopping.aborted) return;
    const next = nextStep(open.steps, open.ended);
    if (next === null) {
      journal.append([lineageEntry({ kind: 'cascade.finished', cascade: open.id })]);
      return;
    }
    const result = await take(parts, next.step, next.held, open);
    if (stopping.aborted) return;
    journal.append([lineageEntry({ kind: 'cascade.step', cascade: open.id, result })]);
    onStep(result);
  }
}

async function take(parts: Parts, step: CascadeStep, held: string | null, open: OpenCascade): Promise<StepResult> {
  const { key } = step;
  if (held !== null) return { key, outcome: 'skipped', image: null, why: held, moved: [] };
  if (step.stuck !== null) return { key, outcome: 'stuck', image: null, why: step.stuck, moved: [] };
  try {
    return await parts.gate.shared(() =>
      open.mends === null ? remake(parts, step, open.by) : mend(parts, step, open, open.mends),
    );
  } catch (error) {
    return { key, outcome: 'failed', image: null, why: messageOf(error), moved: [] };
  }
}

async function remake(parts: Parts, step: CascadeStep, by: string): Promise<StepResult> {
  const made = await bakeAgain(parts, step);
  if (made.outcome === 'failed') return made;
  const isOld = (image: Digest): boolean => image === step.image;
  return promoted(parts, step, made.image, { how: 'cascade', by, why: 'a base has moved', breakGlass: false, isOld });
}

/** Takes the line's newest image where that is mended already, as it is when a patch goes on or is given again. */
async function mend(parts: Parts, step: CascadeStep, { id, by }: OpenCascade, cve: string): Promise<StepResult> {
  const { lines, patches, bakedBy } = parts.lineage.state;
  const { images = [], glass = null } = patches.get(id) ?? {};
  const newest = lines.get(step.key)?.image ?? step.image;
  const before = images.find((image) => bakedBy.get(image) === step.key) ?? step.image;
  const made = (await isMended(parts, cve, newest))
    ? ({ outcome: 'made', image: newest } as const)
    : await bakeAgain(parts, step, await debianPackagesWith(parts, cve, [before, newest]));
  if (made.outcome === 'failed') return made;
  const { left, mended } = await mendingOf(parts, cve, before, made.image);
  if (left !== null) return { key: step.key, outcome: 'failed', image: made.image, why: left, moved: [] };
  const affected = new Set(images);
  const isOld = (image: Digest): boolean => affected.has(image);
  const why = glass === null ? `mends ${cve}` : `mends ${cve}: ${glass}`;
  return { ...promoted(parts, step, made.image, { how: 'patch', by, why, breakGlass: glass !== null, isOld }), mended };
}

type Made = { readonly outcome: 'made'; readonly image: Digest } | (StepResult & { readonly outcome: 'failed' });

/** `only`: the Debian packages that move. Default: all. */
async function bakeAgain(
  parts: Parts,
  { key, service, folder, channels }: CascadeStep,
  only?: ReadonlySet<string>,
): Promise<Made> {
  const spec = await loadSpec(folder, service);
  const asked = { spec, folder, version: null, update: true, channel: null, signal: parts.stopping, emit: async () => {} };
  const against = channels[0]?.slice(service.length + 1) ?? null;
  const baked = await bakeSpec(parts, { ...asked, against, ...(only === undefined ? {} : { only }) });
  const { digest: image } = baked;
  if (baked.verdict === 'fail') return { key, outcome: 'failed', image, why: failedGates(baked), moved: [] };
  return { outcome: 'made', image };
}

interface Reason extends Pick<MoveRequest, 'how' | 'by' | 'why' | 'breakGlass'> {
  /** What a channel may hold to be moved: what somebody has put there meanwhile stays. */
  readonly isOld: (image: Digest) => boolean;
}

function promoted(
  parts: Parts,
  { key, service, image: before, channels }: CascadeStep,
  image: Digest,
  reason: Reason,
): StepResult {
  const { moved, refused } = promote(parts, service as ServiceName, image, channels, reason);
  return { key, outcome: image === before ? 'unchanged' : 'made', image, why: refused, moved };
}

/** Channels whose policy does not take it yet stay as they were, and that is said. A first round may open the way for a second. */
function promote(
  parts: Parts,
  service: ServiceName,
  image: Digest,
  channels: readonly string[],
  reason: Reason,
): { readonly moved: readonly string[]; readonly refused: string } {
  const { isOld, ...request } = reason;
  const moved: string[] = [];
  let left = channels.filter((name) => isOld(parts.lineage.state.channels.get(name)?.image ?? image));
  let refused: readonly string[] = [];
  for (let before = -1; before !== left.length;) {
    before = left.length;
    refused = [];
    left = left.filter((name) => {
      try {
        const channel = name.slice(service.length + 1);
        if (moveChannel(parts, { ...request, service, channel, image })) moved.push(name);
        return false;
      } catch (error) {
        refused = [...refused, messageOf(error)];
        return true;
      }
    });
  }
  return { moved, refused: refused.join('; ') };
}
