import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import { environmentOf } from './environment.ts';
import { parseSpec } from './parse.ts';
import { type ImageFacts, releaseContent } from './release.ts';

const IMAGE = `sha256:${'ab'.repeat(32)}` as Digest;
const RECIPE = 'service: web\nimage: { from: debian:bookworm }\n';

function content(rest: string, facts: ImageFacts = {}, environment: string | null = null): ReleaseContent {
  const spec = parseSpec(RECIPE + rest, 'kiln.yaml');
  return releaseContent(spec, environmentOf(spec, environment), IMAGE, facts);
}

test('a file that says nothing gets the documented defaults', () => {
  assert.deepEqual(content(''), {
    fleet: 'web.local',
    image: IMAGE,
    launch: {
      command: null,
      env: {},
      files: [],
      volumes: [],
      scratch: [],
      user: null,
      capabilities: [],
      limits: { memoryBytes: 512_000_000, cpus: null, pids: 256 },
      stopSignal: 'SIGTERM',
      stopGraceMs: 10_000,
      logs: { maxBytes: 10_000_000, keepFiles: 5, ship: null },
    },
    health: { probe: { kind: 'none' }, everyMs: 1000, timeoutMs: 1000, fall: 3, deadlineMs: 30_000 },
    routing: { port: null, listen: null, preview: null, drainMs: 10_000, streamDrainMs: 30_000 },
    replace: {
      strategy: { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: null },
      warmUpMs: 0,
      keepMs: 1_800_000,
      deadlineMs: 300_000,
    },
  });
});

test('launch values are brought into one form', () => {
  const { launch } = content(`run:
  command: [node, server.js, 8080, true]
  env: { PORT: 8080, VERSION: 1.10, DEBUG: false }
  files: { /b: text, /a: { content: "{}", mode: 0400 } }
  scratch: [/tmp, { path: /cache, size: 1MiB }]
  volumes: { z: /z, a: { path: /a-data } }
  user: 1000:1000
  capabilities: [NET_BIND_SERVICE, CHOWN, CHOWN]
  limits: { cpus: 0.5 }
  stop: { grace: 3s }
  logs: { ship: { syslog: "logs.example:514" } }
`);
  assert.deepEqual(launch, {
    command: ['node', 'server.js', '8080', 'true'],
    env: { PORT: '8080', VERSION: '1.10', DEBUG: 'false' },
    files: [
      { path: '/a', content: '{}', mode: 0o400 },
      { path: '/b', content: 'text', mode: 0o444 },
    ],
    volumes: [
      { name: 'a', path: '/a-data', singleWriter: false },
      { name: 'z', path: '/z', singleWriter: false },
    ],
    scratch: [
      { path: '/cache', sizeBytes: 1_048_576 },
      { path: '/tmp', sizeBytes: 64_000_000 },
    ],
    user: '1000:1000',
    capabilities: ['CHOWN', 'NET_BIND_SERVICE'],
    limits: { memoryBytes: 512_000_000, cpus: 0.5, pids: 256 },
    stopSignal: 'SIGTERM',
    stopGraceMs: 3000,
    logs: { maxBytes: 10_000_000, keepFiles: 5, ship: { kind: 'syslog', to: { host: 'logs.example', port: 514 } } },
  });
});

test('the order of the file makes no other release', () => {
  const one = content('run: { volumes: { a: /x, b: /y }, files: { /p: x, /q: y }, scratch: [/s, /t], env: { A: 1, B: 2 } }');
  const two = content('run: { env: { B: 2, A: 1 }, scratch: [/t, /s], files: { /q: y, /p: x }, volumes: { b: /y, a: /x } }');
  assert.equal(canonicalJson(one), canonicalJson(two));
});

const strategy = (rest: string): unknown => content(rest).replace.strategy;

test('shares of the desired instances become counts, rounded up', () => {
  assert.deepEqual(strategy('run: { instances: 10 }\nreplace: { max-surge: 25%, min-healthy: 75%, batch: 11% }'), {
    kind: 'rolling',
    minHealthyPercent: 75,
    maxSurge: 3,
    batch: 2,
  });
  assert.deepEqual(strategy('run: { instances: 0 }\nreplace: { max-surge: 50%, batch: 50% }'), {
    kind: 'rolling',
    minHealthyPercent: 100,
    maxSurge: 0,
    batch: 1,
  });
});

test('a single writer means recreate', () => {
  const { launch, replace } = content('run: { volumes: { data: { path: /data, single-writer: true } } }');
  assert.deepEqual(
    [launch.volumes, replace.strategy],
    [[{ name: 'data', path: '/data', singleWriter: true }], { kind: 'recreate' }],
  );
});

const probe = (rest: string, facts: ImageFacts = {}): unknown => content(rest, facts).health.probe;

test('probes: as named, else the port, else that the process lives', () => {
  assert.deepEqual(probe('run: { port: 80, health: { http: /healthz, status: 204, body: ok } }'), {
    kind: 'http',
    path: '/healthz',
    status: 204,
    body: 'ok',
  });
  assert.deepEqual(probe('run: { port: 80, health: { http: / } }'), { kind: 'http', path: '/', status: 200 });
  assert.deepEqual(probe('run: { health: { command: [test, -f, /ready] } }'), {
    kind: 'command',
    command: ['test', '-f', '/ready'],
  });
  assert.deepEqual(probe('', { ExposedPorts: { '80/tcp': {} } }), { kind: 'tcp' });
  assert.deepEqual(probe('run: { health: { every: 5s } }'), { kind: 'none' });
});

test("the image's port and stop signal hold where the file says nothing", () => {
  const facts = { ExposedPorts: { '80/tcp': {}, '53/udp': {} }, StopSignal: 'SIGQUIT' };
  assert.deepEqual([content('', facts).routing.port, content('', facts).launch.stopSignal], [80, 'SIGQUIT']);
  const said = content('run: { port: 3000, stop: { signal: SIGINT } }', facts);
  assert.deepEqual([said.routing.port, said.launch.stopSignal], [3000, 'SIGINT']);
});

const message = (rest: string, facts: ImageFacts = {}): string => {
  try {
    content(rest, facts);
  } catch (error) {
    assert.ok(error instanceof KilnError);
    return `${error.code}: ${error.message}`;
  }
  throw new Error('nothing was thrown');
};

test('image and file that do not fit', () => {
  assert.equal(
    message('run: { health: { http: / } }\nenvironments: { local: { listen: 80 } }'),
    'CONFIG_INVALID: environments.local.listen and run.health.http need a port, and neither kiln.yaml nor the image has one',
  );
  assert.equal(
    message('', { ExposedPorts: { '80/tcp': {}, '443/tcp': {} } }),
    'CONFIG_INVALID: the image has the ports 80, 443, and run.port is not given',
  );
  assert.match(message('run: { files: { /a: { from: a.txt } } }'), /^FILE_UNREADABLE: run\.files\.\/a: "a\.txt" was not read/);
});
