/** The verbs of bases and cascades. */
import type { Handlers } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { isMoved, movedBases, planCascade, type MovedBase } from '../lineage/cascade.ts';
import type { CascadeStep, StepResult } from '../lineage/cascade-steps.ts';
import { resolveReference } from '../oci/pull.ts';
import { beginCascade, followCascade } from './cascade.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';

type CascadeVerbs = Pick<Handlers, 'bases' | 'planCascade' | 'cascade'>;

export function cascadeVerbs(parts: Parts): CascadeVerbs {
  return {
    async bases({ check }, { signal }) {
      const { bases, unanswered } = await findBases(parts, check, signal);
      return { bases: bases.map((base) => ({ ...base, moved: isMoved(base) })), unanswered };
    },
    planCascade: async ({ image }, { signal }) => ({ steps: await stepsFor(parts, image, signal) }),
    /** Goes on when its caller goes away: the journal has it. */
    async cascade({ image, by }, { signal, emit }) {
      const steps = await stepsFor(parts, image, signal);
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
async function stepsFor(parts: Parts, image: string | undefined, signal: AbortSignal): Promise<readonly CascadeStep[]> {
  const { lineage, graph } = parts;
  const roots =
    image === undefined
      ? (await findBases(parts, true, signal)).bases.filter(isMoved).map(({ digest }) => digest)
      : [await resolveImage(parts, image)];
  return planCascade(lineage.state, await graph.parents(), roots);
}

/** `ask`: what registries' tags mean now. One that does not answer is told, and nothing is taken from its silence. */
async function findBases(
  { lineage, registries }: Parts,
  ask: boolean,
  signal: AbortSignal,
): Promise<{ readonly bases: readonly MovedBase[]; readonly unanswered: readonly string[] }> {
  const known = movedBases(lineage.state, new Map());
  if (!ask) return { bases: known, unanswered: [] };
  const names = [...new Set(known.map(({ name }) => name))].filter(
    (name) => !/^(image|oci|channel|debian):/.test(name) && !name.includes('@'),
  );
  const options = { ...(await registries.options(signal)), signal };
  const unanswered: string[] = [];
  const answers = await Promise.all(
    names.map(async (name): Promise<readonly (readonly [string, Digest])[]> => {
      try {
        return [[name, (await resolveReference(name, options)).digest]];
      } catch {
        unanswered.push(name);
        return [];
      }
    }),
  );
  return { bases: movedBases(lineage.state, new Map(answers.flat())), unanswered };
}

const left = (): KilnError =>
  new KilnError('INTERRUPTED', 'the cascade goes on without its caller', { hint: '`kiln history` shows how far it is' });
