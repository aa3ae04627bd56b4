/** A test before traffic, on the instances of a group. */
import type { GroupId } from '../domain/ids.ts';
import type { InstanceTest } from '../domain/task.ts';
import type { CallContext, InstanceObservation, Runtime } from '../engines/engine.ts';

/** An HTTP test on every healthy instance, a command beside one: it says the same on each. Null: passed; else what was wrong. */
export async function testGroup(
  runtime: Runtime,
  instances: readonly InstanceObservation[],
  group: GroupId,
  { test, withinMs }: { readonly test: InstanceTest; readonly withinMs: number },
  ctx: CallContext,
): Promise<string | null> {
  const healthy = instances.filter((each) => each.group === group && each.health.status === 'healthy').map(({ id }) => id);
  if (healthy.length === 0) return 'there is no healthy instance to try it on';
  const tried = test.kind === 'http' ? healthy : healthy.slice(0, 1);
  const verdicts = await Promise.all(tried.map(async (id) => ({ id, wrong: await runtime.test(id, test, withinMs, ctx) })));
  const failed = verdicts.find(({ wrong }) => wrong !== null);
  return failed === undefined ? null : `${failed.wrong} (${failed.id})`;
}
