/** For the tests of this folder: a terminal that keeps what is written, and fleets made of a few words. */
import type { FleetStatusBody } from '../../client/client.ts';
import type { FleetId, GroupId } from '../../domain/ids.ts';
import { kilnHome } from '../../platform/home.ts';
import { argumentsOf, type Arguments } from '../arguments.ts';
import type { Context } from '../command.ts';
import { PLAIN_COLUMNS, type Terminal } from '../terminal.ts';

export const NOW = Date.UTC(2026, 2, 3, 12, 0, 0);

export interface FakeTerminal extends Terminal {
  readonly written: string[];
}

export function fakeTerminal(live = false): FakeTerminal {
  const written: string[] = [];
  return {
    live,
    columns: PLAIN_COLUMNS,
    rows: 24,
    paint: (_, text) => text,
    write: (text) => void written.push(text),
    complain: (text) => void written.push(text),
    written,
  };
}

/** `client`: only the methods that the command under test calls. */
export function fakeContext(client: object, change: Partial<Context> = {}): Context {
  const env = { KILN_HOME: '/nowhere/kiln' };
  return {
    home: kilnHome(env, 0),
    env,
    cwd: '/srv/web',
    terminal: fakeTerminal(),
    json: false,
    signal: new AbortController().signal,
    by: 'ada',
    now: () => NOW,
    connect: async () => client as Awaited<ReturnType<Context['connect']>>,
    ...change,
  };
}

export const given = (positional: Record<string, string>, options: Record<string, unknown> = {}): Arguments =>
  argumentsOf(positional, options);

type Group = FleetStatusBody['groups'][number];

export const group = (release: number, change: Partial<Group> = {}): Group => ({
  group: `web.local.r${release}` as GroupId,
  release: release as Group['release'],
  size: 3,
  running: 3,
  healthy: 3,
  weight: 10_000,
  failures: 0,
  lastFailure: null,
  brakedUntil: null,
  revoked: null,
  warmUntil: null,
  ...change,
});

export const fleet = (change: Partial<FleetStatusBody> = {}): FleetStatusBody => ({
  fleet: 'web.local' as FleetId,
  phase: 'steady',
  paused: false,
  target: 7 as Group['release'],
  serving: 7 as Group['release'],
  size: 3,
  scaling: null,
  since: NOW - 192_000,
  deadline: null,
  waits: [],
  groups: [group(7)],
  instances: [],
  listen: { host: '0.0.0.0', port: 8080 },
  preview: null,
  reason: null,
  trouble: null,
  ended: null,
  canary: null,
  checkpoint: null,
  alarms: [],
  tasks: [],
  brokenGlass: null,
  drift: [],
  ...change,
});
