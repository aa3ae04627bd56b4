import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { pastFleets, resolveFleet } from './names.ts';

const FLEETS = ['web.local', 'api.local', 'api.staging'] as FleetId[];
const code = (wanted: string) => (error: unknown) => error instanceof KilnError && error.code === wanted;

test('a service is enough where one environment runs it', () => {
  assert.equal(resolveFleet('web', FLEETS), 'web.local');
  assert.equal(resolveFleet('api.staging', FLEETS), 'api.staging');
});

test('a service in several environments has to be named in full', () => {
  assert.throws(() => resolveFleet('api', FLEETS), code('USAGE'));
});

test('what is not deployed is not found, whatever its name', () => {
  for (const name of ['wob', 'web.staging', '', '../web', 'constructor']) {
    assert.throws(() => resolveFleet(name, FLEETS), code('NOT_FOUND'), name);
  }
});

test('the history knows a service in every environment that it ever ran in', () => {
  assert.deepEqual(pastFleets('api', new Set(FLEETS)), ['api.local', 'api.staging']);
  assert.deepEqual(pastFleets('gone', new Set(FLEETS)), []);
  assert.throws(() => pastFleets('No Name', new Set(FLEETS)), code('USAGE'));
});
