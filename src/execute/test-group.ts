/** What is tried on the instances of a group, and asked of one: tests before traffic, and commands that measure. */
import type { GroupId, InstanceId } from '../domain/ids.ts';
import type { InstanceTest } from '../domain/task.ts';
import type { CallContext, InstanceObservation, Runtime } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';

/** An HTTP test on every healthy instance, a command beside one: it says the same on each. Null: passed; else what was wrong. */
export async function testGroup(
  runtime: Runtime,
  instances: readonly InstanceObservation[],
  group: GroupId,
  { test, withinMs }: { readonly test: InstanceTest; readonly withinMs: number },
  ctx: CallContext,
): Promise<string | null> {
  const healthy = healthyOf(instances, group);
  if (healthy.length === 0) return 'there is no healthy instance to try it on';
  const tried = test.kind === 'http' ? healthy : healthy.slice(0, 1);
  const verdicts = await Promise.all(tried.map(async (id) => ({ id, wrong: await runtime.test(id, test, withinMs, ctx) })));
  const failed = verdicts.find(({ wrong }) => wrong !== null);
  return failed === undefined ? null : `${failed.wrong} (${failed.id})`;
}

const healthyOf = (instances: readonly InstanceObservation[], group: GroupId): readonly InstanceId[] =>
  instances.filter((each) => each.group === group && each.health.status === 'healthy').map(({ id }) => id);

/** What the command writes beside one of the group's healthy instances. */
export async function outputOf(
  runtime: Runtime,
  instances: readonly InstanceObservation[],
  group: GroupId,
  command: readonly string[],
  ctx: CallContext,
): Promise<string> {
  const [id] = healthyOf(instances, group);
  if (id !== undefined) return runtime.output(id, command, ctx);
  throw new KilnError('METRIC_UNREADABLE', `${group} has no healthy instance to run ${command[0] ?? ''} beside`, {
    hint: 'it is run again once there is one',
  });
}
