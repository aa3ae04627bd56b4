/** The verbs of bases and cascades. */
import type { Handlers } from '../api/schema.ts';
import { KilnError } from '../errors/error.ts';
import { isMoved, movedBases } from '../lineage/bases.ts';
import { planCascade } from '../lineage/cascade.ts';
import type { CascadeStep, StepResult } from '../lineage/cascade-steps.ts';
import { movedRoots, readWatch } from './base-watch.ts';
import { beginCascade, followCascade } from './cascade.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';

type CascadeVerbs = Pick<Handlers, 'bases' | 'planCascade' | 'cascade'>;

export function cascadeVerbs(parts: Parts): CascadeVerbs {
  return {
    /** A check is the daemon's: it goes on without its caller. */
    async bases({ check }) {
      const last = check ? await parts.bases.check() : parts.bases.last;
      return {
        bases: movedBases(parts.lineage.state).map((base) => ({ ...base, moved: isMoved(base) })),
        unanswered: last?.unanswered ?? [],
        checkedAt: last?.at ?? null,
        watch: await readWatch(parts.home),
      };
    },
    planCascade: async ({ image }) => ({ steps: await stepsFor(parts, image) }),
    /** Goes on when its caller goes away: the journal has it. */
    async cascade({ image, by }, { signal, emit }) {
      const steps = await stepsFor(parts, image);
      if (steps.length === 0) return { steps: [], results: [] };
      const id = beginCascade(parts, steps, by);
      const gone = new Promise<'gone'>((resolve) => signal.addEventListener('abort', () => resolve('gone')));
      const results: StepResult[] = [];
      const done = followCascade(parts, (result) => {
        results.push(result);
        void emit({ kind: 'cascade.step', cascade: id, ...result });
      });
      done.catch(() => {}); // Where the caller has gone, the journal and the next daemon know.
      if ((await Promise.race([done, gone])) === 'gone') throw left();
      return { steps, results };
    },
  };
}

/** Of one image, or of every base that has moved. */
async function stepsFor(parts: Parts, image: string | undefined): Promise<readonly CascadeStep[]> {
  if (image === undefined) await parts.bases.check();
  const roots = image === undefined ? movedRoots(parts) : [await resolveImage(parts, image)];
  return planCascade(parts.lineage.state, await parts.graph.parents(), roots);
}

const left = (): KilnError =>
  new KilnError('INTERRUPTED', 'the cascade goes on without its caller', { hint: '`kiln history` shows how far it is' });
