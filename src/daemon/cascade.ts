/**
 * Cascades carried out: a saga in the journal, resumed by the next daemon where this one was killed. Each step is a bake with
 * `--update`, its gates, and the move of the channels that held what it replaces; a bake that was cut off is simply done again.
 */
import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { nextStep } from '../lineage/cascade.ts';
import type { CascadeStep, StepResult } from '../lineage/cascade-steps.ts';
import { lineageEntry } from '../lineage/events.ts';
import { loadSpec } from '../spec/load.ts';
import { bakeSpec, failedGates } from './bake-pipeline.ts';
import { moveChannel } from './channel-verbs.ts';
import type { Parts } from './parts.ts';

/** Begins one. Throws USAGE while another is under way. Its id. */
export function beginCascade({ lineage, journal }: Parts, steps: readonly CascadeStep[], by: string): number {
  if (lineage.state.cascade !== null) throw underWay();
  const [entry] = journal.append([lineageEntry({ kind: 'cascade.started', steps, by })]);
  return entry?.seq ?? 0;
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
    const result = await take(parts, next.step, next.held, open.by);
    if (stopping.aborted) return;
    journal.append([lineageEntry({ kind: 'cascade.step', cascade: open.id, result })]);
    onStep(result);
  }
}

async function take(parts: Parts, step: CascadeStep, held: string | null, by: string): Promise<StepResult> {
  const { key } = step;
  if (held !== null) return { key, outcome: 'skipped', image: null, why: held, moved: [] };
  if (step.stuck !== null) return { key, outcome: 'stuck', image: null, why: step.stuck, moved: [] };
  try {
    return await parts.gate.shared(() => remake(parts, step, by));
  } catch (error) {
    return { key, outcome: 'failed', image: null, why: messageOf(error), moved: [] };
  }
}

async function remake(
  parts: Parts,
  { key, service, folder, image: before, channels }: CascadeStep,
  by: string,
): Promise<StepResult> {
  const spec = await loadSpec(folder);
  if (spec.service !== service) throw otherService(folder, service, spec.service);
  const request = { spec, folder, version: null, update: true, channel: null, signal: parts.stopping, emit: async () => {} };
  const baked = await bakeSpec(parts, request);
  const { digest: image } = baked;
  if (baked.verdict === 'fail') return { key, outcome: 'failed', image, why: failedGates(baked), moved: [] };
  if (image === before) return { key, outcome: 'unchanged', image, why: '', moved: [] };
  const { moved, refused } = promote(parts, service as ServiceName, image, channels, by);
  return { key, outcome: 'made', image, why: refused, moved };
}

/** Channels whose policy does not take it yet stay as they were, and that is said. A first round may open the way for a second. */
function promote(
  parts: Parts,
  service: ServiceName,
  image: Digest,
  channels: readonly string[],
  by: string,
): { readonly moved: readonly string[]; readonly refused: string } {
  const moved: string[] = [];
  let left = channels;
  let refused: readonly string[] = [];
  for (let before = -1; before !== left.length;) {
    before = left.length;
    refused = [];
    left = left.filter((name) => {
      try {
        const channel = name.slice(service.length + 1);
        moveChannel(parts, { service, channel, image, how: 'cascade', by, why: 'a base has moved', breakGlass: false });
        moved.push(name);
        return false;
      } catch (error) {
        refused = [...refused, messageOf(error)];
        return true;
      }
    });
  }
  return { moved, refused: refused.join('; ') };
}

const otherService = (folder: string, service: string, found: string): KilnError =>
  new KilnError('CONFIG_INVALID', `${folder} is of the service ${found} now, not of ${service}`, {
    hint: `bake ${service} where its kiln.yaml is now; the cascade takes it up from there`,
  });

const underWay = (): KilnError =>
  new KilnError('USAGE', 'a cascade is under way', { hint: '`kiln history` shows how far it is; wait for its end' });
