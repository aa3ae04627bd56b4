/**
 * What is run beside a release's instances: tests before they get traffic, the same that images are tested by, and commands
 * that measure.
 */
import type { InstanceId } from '../domain/ids.ts';
import type { InstanceTest } from '../domain/task.ts';
import type { CallContext, Runtime } from '../engines/engine.ts';
import type { HostRuntime } from '../engines/host/runtime.ts';
import { KilnError } from '../errors/error.ts';
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

/** What a command wrote is in no error: it may be what must not be seen (law 10). */
export function outputsOf(host: HostRuntime): Runtime['output'] {
  return async (id, command, { signal }) => {
    const inside = await host.inside(id);
    if (inside === null) throw failed(id, command, 'the instance is gone');
    const { code, signal: killedBy, stdout } = await inside.runBeside(command, signal);
    if (code !== 0) throw failed(id, command, code === null ? `was ended by ${killedBy}` : `ended with code ${code}`);
    return stdout;
  };
}

const failed = (id: InstanceId, [program = '']: readonly string[], how: string): KilnError =>
  new KilnError('METRIC_UNREADABLE', `${program}, run beside ${id} for a metric: ${how}`, {
    hint: 'run it in a test of the image (`image.test`) to see what it does there; it must write one number, or JSON',
  });
