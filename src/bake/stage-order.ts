/** Which stages the image needs, and in which order: a stage that nothing asks for is not baked. */
import type { Recipe, Stage } from '../domain/recipe.ts';
import { KilnError } from '../errors/error.ts';

/** The names of the stages that `stage` builds on or copies from. */
export function needsOf(stage: Stage): readonly string[] {
  const copied = stage.files.map((step) => step.stage).filter((name) => name !== null);
  return [...new Set(stage.from.kind === 'stage' ? [stage.from.stage, ...copied] : copied)];
}

/** Every stage that the image needs, each after those it needs; the final one last. CONFIG_INVALID for a circle or a gap. */
export function neededStages(recipe: Recipe): readonly Stage[] {
  const byName = new Map(recipe.stages.map((stage) => [stage.name, stage]));
  const order: Stage[] = [];
  const visit = (stage: Stage, path: readonly Stage[]): void => {
    if (order.includes(stage)) return;
    if (path.includes(stage)) throw circle([...path, stage]);
    for (const name of needsOf(stage)) {
      const needed = byName.get(name);
      if (needed === undefined) throw unknownStage(name, stage, [...byName.keys()]);
      visit(needed, [...path, stage]);
    }
    order.push(stage);
  };
  visit(recipe.final, []);
  return order;
}

function circle(path: readonly Stage[]): KilnError {
  const names = path.map((stage) => stage.name).join(' → ');
  return new KilnError('CONFIG_INVALID', `the stages need each other in a circle: ${names}`, {
    hint: 'let one of them take its files from somewhere else',
  });
}

function unknownStage(name: string, stage: Stage, known: readonly string[]): KilnError {
  return new KilnError('CONFIG_INVALID', `"${stage.name}" takes from the stage "${name}", which is not there`, {
    hint: known.length === 0 ? 'the recipe has no stages' : `the stages are: ${known.join(', ')}`,
  });
}
