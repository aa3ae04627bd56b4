/** What a rollout is judged by and watched for, as text: a line for each metric, and for each alarm that says something. */
import type { FleetStatusBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { counted, duration } from './amounts.ts';

type Alarm = FleetStatusBody['alarms'][number];

interface Around {
  readonly terminal: Terminal;
  readonly now: number;
}

export function metricLines({ canary, alarms }: FleetStatusBody, { terminal, now }: Around): readonly string[] {
  const { paint } = terminal;
  const metrics = (canary?.metrics ?? []).map(({ name, numbers, canary: own, baseline, unreadable }) =>
    unreadable === null
      ? `  ${paint('dim', '·')} ${harmless(name)}: ${figure(own)} against ${figure(baseline)}, ${counted(numbers, 'number')} so far`
      : `  ${paint('yellow', '✗')} ${harmless(name)}: ${harmless(unreadable)}`,
  );
  const quiet = alarms.filter(({ state, unreadable }) => state === 'quiet' && unreadable === null).map(({ name }) => name);
  const told = alarms.filter(({ name }) => !quiet.includes(name)).map((alarm) => `  ${alarmText(alarm, terminal, now)}`);
  return [
    ...metrics,
    ...(quiet.length === 0 ? [] : [`  ${paint('dim', '·')} quiet: ${quiet.map(harmless).join(', ')}`]),
    ...told,
  ];
}

function alarmText({ name, bound, state, value, since, endsAt, unreadable }: Alarm, { paint }: Terminal, now: number): string {
  const alarm = `the alarm ${harmless(name)}`;
  if (state === 'quiet') return `${paint('yellow', '✗')} ${alarm} can't be read: ${harmless(unreadable ?? '')}`;
  const holds = `${figure(value)} is ${harmless(bound)}`;
  if (state === 'standing')
    return `${paint('dim', '·')} ${alarm} was raised before this rollout (${holds}): it ends nothing until it has cleared`;
  const ends = endsAt === null || endsAt <= now ? 'it ends the rollout' : `it ends the rollout in ${duration(endsAt - now)}`;
  return `${paint('red', '✗')} ${alarm} is raised for ${duration(now - (since ?? now))} (${holds}): ${ends}`;
}

const figure = (value: number | null): string => (value === null ? 'nothing' : String(Number(value.toPrecision(3))));
