/** Which alarms of a rollout are raised. Pure: an event in, a new state out. */
import type { FleetEvent } from './events.ts';

/** Since when an alarm has held without a break, by which number it was raised, and whether before the rollout did anything. */
export interface Raised {
  readonly since: number;
  readonly value: number;
  readonly standing: boolean;
}

/** By the alarm's name; those that do not hold are not in it. */
export type RaisedAlarms = Readonly<Record<string, Raised>>;

export type AlarmEvent = Extract<FleetEvent, { kind: `alarm.${string}` }>;

export function foldAlarm(raised: RaisedAlarms, event: AlarmEvent, at: number): RaisedAlarms {
  const { [event.name]: before, ...others } = raised;
  if (event.kind === 'alarm.cleared') return others;
  return { ...others, [event.name]: before ?? { since: at, value: event.value, standing: event.standing } };
}
