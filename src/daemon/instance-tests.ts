/** Tests of a release's instances before they get traffic: the same that images are tested by, on instances that will serve. */
import type { InstanceId } from '../domain/ids.ts';
import type { InstanceTest } from '../domain/task.ts';
import type { CallContext, Runtime } from '../engines/engine.ts';
import type { HostRuntime } from '../engines/host/runtime.ts';
import { check } from '../gates/test/check.ts';
import type { Clock } from '../platform/clock.ts';

export function testsOn(host: HostRuntime, clock: Clock): Runtime['test'] {
  return async (id: InstanceId, test: InstanceTest, withinMs: number, ctx: CallContext) => {
    const [inside, seen] = await Promise.all([host.inside(id), host.observe(ctx)]);
    if (inside === null) return 'the instance is gone';
    const port = seen.find((each) => each.id === id)?.address?.port ?? null;
    // No kind of test that a release may have looks into the folder of its recipe.
    const wrong = await check({ ...test, withinMs }, { inside, port, folder: '/', clock, signal: ctx.signal });
    return wrong === null ? null : host.unsaid(id, wrong);
  };
}
