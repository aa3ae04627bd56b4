import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupId, instanceId, type FleetId, type ReleaseNumber } from '../domain/ids.ts';
import type { Endpoint, RoutingTable } from '../engines/engine.ts';
import { contentOf, imageOf } from '../../test/simulation/releases.ts';
import { routeChange, sameTable } from './route-change.ts';

const FLEET = 'web.sim' as FleetId;
const GROUP = groupId(FLEET, 1 as ReleaseNumber);
const { health } = contentOf(imageOf('web'));
const endpoint = (suffix: string, state: Endpoint['state'] = 'ready', port = 3000): Endpoint => ({
  instance: instanceId(GROUP, suffix),
  address: { host: '10.0.0.1', port },
  state,
});
const table = (endpoints: readonly Endpoint[], weight = 10_000): RoutingTable => ({
  fleet: FLEET,
  listen: { host: '127.0.0.1', port: 8080 },
  preview: null,
  canary: null,
  health,
  groups: [{ group: GROUP, weight, endpoints }],
});

test('the history has what comes, drains and goes, not the endpoints that stay as they are', () => {
  const before = table([endpoint('aaaaaa'), endpoint('bbbbbb'), endpoint('cccccc')]);
  const after = table([endpoint('aaaaaa'), endpoint('bbbbbb', 'drain'), endpoint('dddddd')]);
  const id = (suffix: string): string => instanceId(GROUP, suffix);
  assert.deepEqual(routeChange(before, after), {
    whole: false,
    weights: { [GROUP]: 10_000 },
    preview: null,
    ready: [id('dddddd')],
    drain: [id('bbbbbb')],
    gone: [id('cccccc')],
  });
});

test('where it is not known what was routed, the history has the whole', () => {
  const change = routeChange(null, table([endpoint('aaaaaa'), endpoint('bbbbbb', 'drain')]));
  assert.deepEqual(change, {
    whole: true,
    weights: { [GROUP]: 10_000 },
    preview: null,
    ready: [instanceId(GROUP, 'aaaaaa')],
    drain: [instanceId(GROUP, 'bbbbbb')],
    gone: [],
  });
});

test('tables are the same only where every weight, state and address is', () => {
  const one = table([endpoint('aaaaaa')]);
  assert.ok(sameTable(one, table([endpoint('aaaaaa')])));
  const others = [
    table([endpoint('aaaaaa', 'drain')]),
    table([endpoint('aaaaaa', 'ready', 3001)]),
    table([endpoint('bbbbbb')]),
    table([]),
    table([endpoint('aaaaaa')], 0),
    { ...one, listen: { host: '127.0.0.1', port: 8081 } },
  ];
  for (const other of others) assert.equal(sameTable(one, other), false);
});
