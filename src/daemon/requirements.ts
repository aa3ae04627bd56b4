/** What of all that Kiln needs of a machine is there, each with where it comes from: the other half of what doctor tells. */
import { BAKE_PROGRAMS } from '../bake/check.ts';
import type { Problem } from '../engines/engine.ts';
import { HOST_CONDITIONS, HOST_CONDITIONS_LAST, HOST_PROGRAMS } from '../engines/host/check.ts';
import { conditionsOf, type Condition } from '../linux/requirements.ts';
import { BALANCER_CONDITIONS } from '../traffic/machine.ts';

/** `problems`: of all checks. What was not looked at because something before it is missing, is not among the answer. */
export function metOf(problems: readonly Problem[]): readonly Condition[] {
  const missing = new Set(problems.flatMap(({ requirement }) => requirement ?? []));
  const before = [...HOST_CONDITIONS, ...conditionsOf(HOST_PROGRAMS)];
  const isCut = problems.some(({ fatal, requirement }) => fatal && before.some(({ name }) => name === requirement));
  const all = [...before, ...(isCut ? [] : HOST_CONDITIONS_LAST), ...BALANCER_CONDITIONS, ...conditionsOf(BAKE_PROGRAMS)];
  return [...new Map(all.map((each) => [each.name, each])).values()].filter(({ name }) => !missing.has(name));
}
