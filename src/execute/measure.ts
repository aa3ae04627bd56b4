/** Asking the sources of metrics: how is the daemon's affair. */
import type { GroupId } from '../domain/ids.ts';
import type { MetricSource } from '../domain/metric.ts';
import type { CallContext } from '../engines/engine.ts';

/** The number of the group now; null: its source knows of none. Throws where it can't be read by then. */
export type Measure = (source: MetricSource, group: GroupId, withinMs: number, ctx: CallContext) => Promise<number | null>;
