/** Metrics and alarms of random releases, and what their sources say. */
import type { Alarm, Metric, MetricSource } from '../../src/domain/metric.ts';
import type { JudgeTerms } from '../../src/domain/release.ts';
import type { Random } from '../../src/engines/sim/random.ts';
import type { MetricBehaviour } from '../../src/engines/sim/sources.ts';

const QUERY: MetricSource = { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue{release="$release"}' };
const COMMAND: MetricSource = { kind: 'command', command: ['queue', '$release'], path: '$' };

const NOTHING = { below: null, above: null, rise: null, drop: null };

export function drawMetrics(random: Random): Pick<JudgeTerms, 'metrics'> {
  if (!random.chance(0.4)) return {};
  const source = random.pick([QUERY, QUERY, COMMAND]);
  const metrics: readonly Metric[] = random.pick([
    [{ name: 'queue', source, ...NOTHING, below: 150 }],
    [{ name: 'queue', source, ...NOTHING, rise: 0.2 }],
    [
      { name: 'queue', source, ...NOTHING, below: 150, rise: 0.1 },
      { name: 'rate', source: QUERY, ...NOTHING, drop: 0.1 },
    ],
  ]);
  const unreadable = random.pick(['roll-back', 'go-on', 'hold'] as const);
  return { metrics: { metrics, everyMs: random.pick([100, 1000, 5000]), unreadable } };
}

export function drawAlarms(random: Random): readonly Alarm[] | undefined {
  if (!random.chance(0.2)) return undefined;
  const forMs = random.pick([0, 0, 3000, 30_000]);
  const source = random.pick([QUERY, QUERY, COMMAND]);
  return [{ name: 'queue', source, above: random.pick([150, 150, 50]), below: null, forMs }];
}

export function drawMetricBehaviour(random: Random): MetricBehaviour {
  const kind = random.below(20);
  if (kind < 11) return { kind: 'known', value: 100 };
  if (kind < 13) return { kind: 'known', value: 200 };
  if (kind < 17) return { kind: 'known', value: 100, later: { value: 200, afterMs: random.pick([1000, 10_000, 60_000]) } };
  return { kind: random.pick(['silent', 'broken', 'wavering'] as const) };
}
