/** The canonical rollouts that numbers of sources end: by an alarm, by the judge, and by a source that says nothing. */
import type { Alarm, Metric, MetricSource } from '../../src/domain/metric.ts';
import type { MetricsTerms, Strategy } from '../../src/domain/release.ts';
import { GOOD } from '../../src/engines/sim/behaviour.ts';
import type { MetricBehaviour } from '../../src/engines/sim/sources.ts';
import { contentOf, imageOf, type ReleaseTraits } from './releases.ts';
import type { Act, TimedAct } from './scenario.ts';

const LATER_MS = 60_000;
const QUERY: MetricSource = { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue{release="$release"}' };
const COMMAND: MetricSource = { kind: 'command', command: ['queue'], path: '$' };
const queue: Metric = { name: 'queue', source: QUERY, below: 150, above: null, rise: null, drop: null };
const alarm: Alarm = { name: 'queue', source: COMMAND, above: 150, below: null, forMs: 2000 };

const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1 };
const slowly: Strategy = { ...rolling, checkpoints: [{ percent: 50, holdMs: 30_000 }] };
const judged = (unreadable: MetricsTerms['unreadable']): Strategy => ({
  kind: 'canary',
  steps: [{ weight: 5000, holdMs: 2000 }],
  judge: {
    maxErrors: null,
    maxSlowdown: 1.05,
    maxLatency: [],
    settleMs: 1000,
    waitMs: 10_000,
    unsure: 'go-on',
    metrics: { metrics: [queue], everyMs: 1000, unreadable },
  },
});

const TWICE: MetricBehaviour = { kind: 'known', value: 200 };
const TWICE_SOON: MetricBehaviour = { kind: 'known', value: 100, later: { value: 200, afterMs: 6000 } };

function deploy(name: string, metrics: MetricBehaviour | undefined, traits: ReleaseTraits): Act {
  const content = contentOf(imageOf(name), { keepMs: 20_000, healthDeadlineMs: 3000, drainMs: 1000, ...traits });
  return { kind: 'deploy', content, behaviour: GOOD, size: 2, ...(metrics === undefined ? {} : { metrics }) };
}

const second = (metrics: MetricBehaviour | undefined, traits: ReleaseTraits): readonly TimedAct[] => [
  { afterMs: 0, act: deploy('a', undefined, traits) },
  { afterMs: LATER_MS, act: deploy('b', metrics, traits) },
];

export const METRIC_ACTS: Readonly<Record<string, readonly TimedAct[]>> = {
  'an alarm ends a rolling rollout': second(TWICE_SOON, { strategy: slowly, alarms: [alarm] }),
  'the judge fails a metric': second(TWICE, { strategy: judged('roll-back') }),
  'a source that nobody can read, gone past': second({ kind: 'broken' }, { strategy: judged('go-on') }),
};
