/** What sources have said, as status shows it. */
import type { FleetStatusBody } from '../api/schema.ts';
import type { Metric } from '../domain/metric.ts';
import { alarmsOf, boundText } from '../plan/alarms.ts';
import { middle } from '../plan/judge/samples.ts';
import type { CanaryProgress, FleetState } from '../plan/state.ts';

type MetricBody = NonNullable<FleetStatusBody['canary']>['metrics'][number];
type AlarmBody = FleetStatusBody['alarms'][number];

export const metricsInStatus = (metrics: readonly Metric[], { samples, unreadable }: CanaryProgress): readonly MetricBody[] =>
  metrics.map(({ name }) => {
    const [canary, baseline] = (['canary', 'baseline'] as const).map((arm) =>
      (samples[name] ?? []).map((sample) => sample[arm]).filter((value) => value !== null),
    );
    return {
      name,
      numbers: canary?.length ?? 0,
      canary: middleOf(canary),
      baseline: middleOf(baseline),
      unreadable: unreadable[name] ?? null,
    };
  });

const middleOf = (values: readonly number[] = []): number | null => (values.length === 0 ? null : middle(values));

export function alarmsInStatus(state: FleetState, unreadable: ReadonlyMap<string, string>): readonly AlarmBody[] {
  return (alarmsOf(state)?.alarms ?? []).map((alarm) => {
    const raised = state.rollout?.alarms[alarm.name];
    return {
      name: alarm.name,
      bound: boundText(alarm),
      state: raised === undefined ? 'quiet' : raised.standing ? 'standing' : 'raised',
      value: raised?.value ?? null,
      since: raised?.since ?? null,
      endsAt: raised === undefined || raised.standing ? null : raised.since + alarm.forMs,
      unreadable: unreadable.get(alarm.name) ?? null,
    };
  });
}
