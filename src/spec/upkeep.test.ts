import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import { environmentOf } from './environment.ts';
import { parseSpec } from './parse.ts';
import { upkeepOf } from './upkeep.ts';

const file = (run: string, environment = 'local: { listen: 8080 }', rest = ''): string =>
  `service: web\nimage: { from: debian:bookworm }\nrun:\n  port: 80\n${run}\nenvironments:\n  ${environment}\n${rest}`;

const upkeep = (text: string): Upkeep => upkeepOf(environmentOf(parseSpec(text, 'f'), null));

function refused(text: string, words: RegExp): void {
  assert.throws(
    () => parseSpec(text, 'f'),
    (error) => error instanceof KilnError && error.code === 'CONFIG_INVALID' && words.test(error.message),
  );
}

const INSTANCES = '  instances: { min: 2, max: 10 }\n';

test('without a word a size follows nothing, and instances get as old as they get', () => {
  assert.deepEqual(upkeep(file('')), { scale: null, maxAgeMs: null });
});

test('what the size follows, with its cool-downs, and the age are the fleet’s', () => {
  assert.deepEqual(upkeep(file(`${INSTANCES}  scale: { cpu: 60%, requests: 3000/m, down: 10m }\n  max-age: 7d`)), {
    scale: {
      targets: [
        { kind: 'cpu', each: 60 },
        { kind: 'requests', each: 50 },
      ],
      upMs: 30_000,
      downMs: 600_000,
    },
    maxAgeMs: 7 * 86_400_000,
  });
});

test('a size that follows the load needs to know how far', () => {
  refused(file('  instances: 3\n  scale: { cpu: 60% }'), /run.scale: in local: .*give instances a max/);
  refused(file('  instances: { min: 0, desired: 1, max: 3 }\n  scale: { cpu: 60% }'), /give instances a min of at least 1/);
  assert.ok(upkeep(file('  scale: { cpu: 60% }', 'local: { listen: 8080, instances: { max: 4 } }')).scale);
});

test('a target of nothing, and none at all, are refused', () => {
  refused(file(`${INSTANCES}  scale: { cpu: 0% }`), /more than 0%/);
  refused(file(`${INSTANCES}  scale: { requests: 0/s }`), /a rate such as/);
  refused(file(`${INSTANCES}  scale: { requests: 50 }`), /a rate such as 50\/s/);
  refused(file(`${INSTANCES}  scale: { up: 1m }`), /says nothing to follow/);
});

test('requests can be followed only where the load balancer counts them', () => {
  refused(file(`${INSTANCES}  scale: { requests: 50/s }`, 'local: {}'), /counted by the load balancer/);
  assert.ok(upkeep(file(`${INSTANCES}  scale: { cpu: 50% }`, 'local: {}')).scale);
});

test('what can have one instance only neither grows nor is replaced beside itself', () => {
  const single = '  volumes: { data: { path: /data, single-writer: true } }\n';
  refused(file(`${single}${INSTANCES}  scale: { cpu: 60% }`), /no more than one instance/);
  refused(file(`${single}  max-age: 1d`), /run.max-age: in local: .*single writer/);
  refused(file('  max-age: 1d', undefined, 'replace: { strategy: recreate }\n'), /recreate ends the old/);
});
