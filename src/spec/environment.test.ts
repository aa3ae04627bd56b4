import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { environmentOf, withStrategy } from './environment.ts';
import { resolveInstances } from './instances.ts';
import { parseSpec } from './parse.ts';

const RECIPE = 'service: web\nimage: { from: debian:bookworm }\n';
const spec = (rest: string) => parseSpec(RECIPE + rest, 'kiln.yaml');

const failure = (work: () => unknown): readonly [string, string, string] => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof KilnError);
    return [error.code, error.message, error.hint];
  }
  throw new Error('nothing was thrown');
};

test('without environments there is local, on the host', () => {
  const { name, engine, listen, preview, instances } = environmentOf(spec(''), null);
  assert.deepEqual(
    { name, engine, listen, preview, instances },
    { name: 'local', engine: 'host', listen: null, preview: null, instances: { min: 1, desired: 1, max: 100 } },
  );
});

test('where none is named: the only one, else local, else a person says', () => {
  assert.equal(environmentOf(spec('environments: { production: {} }'), null).name, 'production');
  assert.equal(environmentOf(spec('environments: { production: {}, local: {} }'), null).name, 'local');
  assert.deepEqual(
    failure(() => environmentOf(spec('environments: { production: {}, staging: {} }'), null)),
    ['USAGE', 'web has the environments production, staging, and none was named', 'name one: --env production'],
  );
});

test('an unknown one is answered with those that are there, and the nearest', () => {
  const file = spec('environments: { production: {}, staging: {} }');
  assert.deepEqual(
    failure(() => environmentOf(file, 'stagin')),
    ['NOT_FOUND', 'web has no environment "stagin"; it has production, staging', 'did you mean --env staging?'],
  );
  assert.equal(failure(() => environmentOf(file, 'constructor'))[0], 'NOT_FOUND');
});

test('what an environment says goes over the file, key by key', () => {
  const file = spec(`run:
  env: { A: 1, B: 2 }
  limits: { memory: 1GB, pids: 10 }
  logs: { keep: 2, ship: { file: /var/log/web } }
replace: { keep: 1h, max-surge: 2, preview: 9000 }
environments:
  local: { listen: 8080, env: { B: x }, limits: { cpus: 1.50 }, replace: { keep: 1m }, logs: { max-size: 1MB } }
  other: { preview: 127.0.0.1:9001, logs: { ship: { http: "https://logs.example/" } } }
`);
  const local = environmentOf(file, 'local');
  assert.deepEqual(local.run.env, { A: '1', B: 'x' });
  assert.deepEqual(local.run.limits, { memory: 1e9, pids: 10, cpus: 1.5 });
  assert.deepEqual(local.run.logs, { 'max-size': 1e6, keep: 2, ship: { file: '/var/log/web' } });
  assert.deepEqual(local.replace, {
    alarms: {},
    prometheus: 'http://127.0.0.1:9090',
    approve: [],
    before: [],
    tests: [],
    webhooks: [],
    keep: 60_000,
    'max-surge': { count: 2 },
    'warm-up': 0,
    deadline: 300_000,
    revoked: 'report',
  });
  assert.deepEqual(
    [local.listen, local.preview],
    [
      { host: '0.0.0.0', port: 8080 },
      { host: '0.0.0.0', port: 9000 },
    ],
  );
  const other = environmentOf(file, 'other');
  assert.deepEqual(other.preview, { host: '127.0.0.1', port: 9001 });
  assert.deepEqual(other.run.logs.ship, { http: 'https://logs.example/' });
});

test('instances: what is given stands, and inherited bounds make room', () => {
  const file = { min: 2, desired: 3, max: 10 };
  assert.deepEqual(resolveInstances(3), { min: 1, desired: 3, max: 100 });
  assert.deepEqual(resolveInstances(0), { min: 0, desired: 0, max: 100 });
  assert.deepEqual(resolveInstances(500), { min: 1, desired: 500, max: 500 });
  assert.deepEqual(resolveInstances({ min: 4 }), { min: 4, desired: 4, max: 100 });
  assert.deepEqual(resolveInstances(file, undefined), file);
  assert.deepEqual(resolveInstances(file, { desired: 12 }), { min: 2, desired: 12, max: 12 });
  assert.deepEqual(resolveInstances(file, 1), { min: 1, desired: 1, max: 10 });
  assert.deepEqual(resolveInstances(file, { max: 1 }), { min: 1, desired: 1, max: 1 });
});

test('--strategy: another one, but never two writers', () => {
  const environment = environmentOf(spec('run: { volumes: { data: { path: /data, single-writer: true } } }'), null);
  assert.equal(withStrategy(environment, 'recreate').replace.strategy, 'recreate');
  assert.deepEqual(failure(() => withStrategy(environment, 'blue-green')).slice(0, 1), ['USAGE']);
  assert.deepEqual(
    failure(() => withStrategy(environment, 'bluegreen')),
    ['USAGE', '"bluegreen" is not a strategy; there are rolling, blue-green, canary, recreate', 'did you mean blue-green?'],
  );
});
