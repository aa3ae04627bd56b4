/** The metrics and alarms of a `replace:` section as a release holds them. */
import type { Alarm, Metric, MetricSource } from '../domain/metric.ts';
import type { AlarmSpec, MetricSpec, SourceSpec } from './schema/metrics.ts';

/** In the order of their names: the order in the file means nothing, so it must not make another release. */
const sorted = <T>(specs: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(specs).toSorted(([a], [b]) => (a < b ? -1 : 1));

export const metricsOf = (specs: Readonly<Record<string, MetricSpec>>, prometheus: string): readonly Metric[] =>
  sorted(specs).map(([name, { below = null, above = null, rise = null, drop = null, ...source }]) => ({
    name,
    source: sourceOf(source, prometheus),
    below,
    above,
    rise,
    drop,
  }));

export const alarmsOf = (specs: Readonly<Record<string, AlarmSpec>>, prometheus: string): readonly Alarm[] =>
  sorted(specs).map(([name, { above = null, below = null, for: forMs, ...source }]) => ({
    name,
    source: sourceOf(source, prometheus),
    above,
    below,
    forMs,
  }));

/** The schema has seen to it that there is exactly one. */
export function sourceOf({ prometheus: query, http, command, path = '$' }: SourceSpec, prometheus: string): MetricSource {
  if (query !== undefined) return { kind: 'prometheus', url: prometheus, query };
  return command === undefined ? { kind: 'http', url: http ?? '', path } : { kind: 'command', command, path };
}
