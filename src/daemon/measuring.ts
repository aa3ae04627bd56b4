/** Asks the sources of metrics: over HTTP, and by commands beside instances. */
import type { Engine } from '../engines/engine.ts';
import type { Measure } from '../execute/measure.ts';
import { measure, measureByCommand, measuring } from '../measure/measure.ts';

export const openMeasure =
  (engine: Pick<Engine, 'output'>): Measure =>
  (source, group, withinMs, ctx) => {
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(withinMs)]);
    return source.kind === 'command'
      ? measureByCommand(source, group, (command) => engine.output(group, command, { signal }))
      : measure(source, group, measuring(signal));
  };
