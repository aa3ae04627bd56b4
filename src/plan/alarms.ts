/** Alarms: numbers that end a rollout whenever they are out of bounds for long enough. Pure. */
import { groupId, type GroupId } from '../domain/ids.ts';
import type { Alarm } from '../domain/metric.ts';
import type { AlarmEvent, RaisedAlarms } from './alarm-state.ts';
import type { FleetState } from './state.ts';

/** What is watched now: the alarms of the release on its way, about its group. Null: none. A way back has none: it is the way out. */
export function alarmsOf({
  fleet,
  life,
  rollout,
  releases,
}: FleetState): { readonly alarms: readonly Alarm[]; readonly group: GroupId } | null {
  if (life !== 'active' || rollout?.phase !== 'advancing' || rollout.to === null) return null;
  const alarms = releases[rollout.to - 1]?.content.replace.alarms ?? [];
  return alarms.length === 0 ? null : { alarms, group: groupId(fleet, rollout.to) };
}

/**
 * What a new number changes. One that its source does not know (null) neither raises nor clears: what can't be seen is not
 * well, and not ill either. `standing`: it was asked for before anything of the release was launched.
 */
export function alarmChange(alarm: Alarm, raised: RaisedAlarms, value: number | null, standing: boolean): AlarmEvent | null {
  if (value === null) return null;
  const holds = (alarm.above !== null && value > alarm.above) || (alarm.below !== null && value < alarm.below);
  if (holds === Object.hasOwn(raised, alarm.name)) return null;
  return holds ? { kind: 'alarm.raised', name: alarm.name, value, standing } : { kind: 'alarm.cleared', name: alarm.name };
}

/** Those that hold through no fault of what was there before, with the time at which each ends the rollout. */
function ends(state: FleetState): readonly { readonly alarm: Alarm; readonly value: number; readonly at: number }[] {
  const raised = state.rollout?.alarms ?? {};
  return (alarmsOf(state)?.alarms ?? []).flatMap((alarm) => {
    const held = raised[alarm.name];
    return held === undefined || held.standing ? [] : [{ alarm, value: held.value, at: held.since + alarm.forMs }];
  });
}

/** Why the rollout ends now; null: for no alarm. */
export function alarmReason(state: FleetState, now: number): string | null {
  const due = ends(state).find(({ at }) => at <= now);
  return due === undefined
    ? null
    : `the alarm ${due.alarm.name} was raised: ${Number(due.value.toPrecision(3))} is ${boundText(due.alarm)}`;
}

export const alarmTimes = (state: FleetState): readonly number[] => ends(state).map(({ at }) => at);

/** `above 5` */
export const boundText = ({ above, below }: Pick<Alarm, 'above' | 'below'>): string =>
  above === null ? `below ${below}` : `above ${above}`;
