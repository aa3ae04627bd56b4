/** The texts of errors, word for word: they are what a person works with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { parseSpec } from './parse.ts';
import { EXAMPLE } from './reference.ts';

function refusal(text: string): KilnError {
  try {
    parseSpec(text, 'kiln.yaml');
  } catch (error) {
    assert.ok(error instanceof KilnError, String(error));
    return error;
  }
  throw new Error(`nothing was refused in:\n${text}`);
}

/** One line a problem, without the file's name. */
const problemsOf = (text: string): readonly string[] =>
  [...refusal(text).message.matchAll(/kiln\.yaml:(\d+:\d+: .*)/g)].map(([, problem]) => problem ?? '');

const RECIPE = 'service: web\nimage: { from: debian:bookworm }\n';

const MISSION_EXAMPLE = `# kiln.yaml
service: web

image:
  from: debian:bookworm                 # packages are locked by version and hash in kiln.lock
  packages: [nodejs, ca-certificates]
  stages:
    build:
      packages: [npm]
      files: { ./: /src }
      run: [npm ci --omit=dev]
  files:
    - { from: stage:build, path: /src, to: /app }
  user: app
  entrypoint: [node, /app/server.js]
  test:
    - { http: /healthz, status: 200 }

run:
  port: 3000
  instances: { min: 2, desired: 3, max: 10 }
  health: { http: /healthz, every: 1s, deadline: 30s }
  env: { LOG_LEVEL: info }
  secrets: { DATABASE_URL: etcd://prod/web/database-url }
  scratch: [/tmp]
  volumes: { uploads: /var/uploads }

replace:
  strategy: canary
  steps: [5%, 25%, 50%]
  judge: { errors: 1%, p95: 300ms }
  keep: 30m                              # how long the way back stays warm

environments:
  local:      { engine: host, listen: 8080 }
  staging:    { engine: docker, channel: staging }
  production: { engine: kubernetes, channel: production, instances: { desired: 12 } }
`;

test('of the example in the mission, only what is not supported yet is refused, each on its line', () => {
  assert.deepEqual(problemsOf(MISSION_EXAMPLE), [
    '36:25: environments.staging.engine: not supported yet: docker; use host, or sim to try a rollout without running anything',
    '37:25: environments.production.engine: not supported yet: kubernetes; use host, or sim to try a rollout without running anything',
  ]);
});

test('the example of the reference is a valid file', () => {
  assert.equal(parseSpec(EXAMPLE, 'kiln.yaml').service, 'web');
});

test('one problem is one line, with its place, what to do, and no stack', () => {
  const error = refusal(`${RECIPE}runn: {}\n`);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.equal(error.message, 'kiln.yaml:3:1: runn: unknown key; did you mean "run"?');
  assert.deepEqual(error.at, { file: 'kiln.yaml', line: 3, column: 1 });
  assert.match(error.hint, /docs\/reference\/kiln-yaml\.md/);
});

test('all problems are told at once, in the order of the file, and `at` is the first', () => {
  const error = refusal(`service: Web
image:
  from: debian:12
  packages: [--help]
  user: { nam: x }
  files: [{ from: ../x, to: y }]
  run: [{ run: ls, netwrok: false }]
run:
  port: 0
  instances: lots
  env: { 1a: b, EMPTY: }
  health: { every: 5 minutes, tcp: false }
  volumes: { data: { path: /x, single-writer: yes } }
  capabilities: [CAP_NET_BIND_SERVICE]
  stop: { signal: TERM }
  logs: { ship: { file: /var/log/a, syslog: /dev/log } }
replace: { strategy: blue, batch: 0, keep: 30 }
`);
  assert.deepEqual(error.at, { file: 'kiln.yaml', line: 1, column: 10 });
  assert.deepEqual(error.message.split('\n  '), [
    '20 problems',
    'kiln.yaml:1:10: service: expected a name: a lower-case letter, then letters, digits and hyphens, at most 31 characters, found "Web"',
    'kiln.yaml:3:9: image.from: expected a Debian suite\'s name, such as debian:bookworm (the image on Docker Hub is docker.io/library/debian:NUMBER), found "debian:12"',
    'kiln.yaml:4:14: image.packages[0]: expected the name of a Debian package, such as nginx or nginx=1.22.1-9, found "--help"',
    'kiln.yaml:5:11: image.user.nam: unknown key; did you mean "name"?',
    'kiln.yaml:6:19: image.files[0].from: expected a path or glob that stays within its folder, or stage:NAME, found "../x"',
    'kiln.yaml:6:29: image.files[0].to: expected an absolute path in the image, without ".." in it, found "y"',
    'kiln.yaml:7:20: image.run[0].netwrok: unknown key; did you mean "network"?',
    'kiln.yaml:9:9: run.port: expected a port from 1 to 65535, found 0',
    'kiln.yaml:10:14: run.instances: expected a whole number from 0 to 1000, or a map, found "lots"',
    'kiln.yaml:11:10: run.env.1a: expected the name of an environment variable: letters, digits and underscores, not a digit first',
    'kiln.yaml:11:17: run.env.EMPTY: expected text (write "" for empty text), or a map, found nothing',
    'kiln.yaml:12:20: run.health.every: expected a duration such as 500ms, 30s, 5m or 1h30m, found "5 minutes"',
    'kiln.yaml:12:36: run.health.tcp: expected true: a TCP connection to the port is the check, found false',
    'kiln.yaml:13:47: run.volumes.data.single-writer: expected true or false, found "yes"',
    'kiln.yaml:14:18: run.capabilities[0]: expected one of AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, IPC_LOCK, KILL, NET_ADMIN, NET_BIND_SERVICE, NET_RAW, SETGID, SETPCAP, SETUID, SYS_CHROOT, SYS_NICE, found "CAP_NET_BIND_SERVICE"; did you mean "NET_BIND_SERVICE"?',
    'kiln.yaml:15:19: run.stop.signal: expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGKILL, SIGRTMIN+3, found "TERM"; did you mean "SIGTERM"?',
    'kiln.yaml:16:11: run.logs.ship: expected exactly one of file, syslog, http',
    'kiln.yaml:17:22: replace.strategy: expected one of rolling, blue-green, canary, recreate, found "blue"; did you mean "blue-green"?',
    'kiln.yaml:17:35: replace.batch: expected at least 1, or more than 0%',
    'kiln.yaml:17:44: replace.keep: expected a duration such as 500ms, 30s, 5m or 1h30m, found 30',
  ]);
});

test('a missing key is reported at the map that misses it', () => {
  assert.deepEqual(problemsOf('image:\n  packages: []\n'), [
    '1:1: service: is missing; expected a name: a lower-case letter, then letters, digits and hyphens, at most 31 characters',
    '1:1: image.from: is missing; expected a base: debian:SUITE, debian:SUITE@SNAPSHOT, image:TAG, image:sha256:…, channel:SERVICE.CHANNEL, oci:PATH, stage:NAME, scratch, or a registry reference with a tag or digest',
  ]);
});

test('a misspelt key is not reported as missing as well', () => {
  assert.deepEqual(problemsOf('service: web\nimage: { form: scratch }\n'), [
    '2:10: image.form: unknown key; did you mean "from"?',
  ]);
});

test('a key in the wrong section is sent to the right one', () => {
  assert.deepEqual(problemsOf(`${RECIPE}port: 3000\nbanana: 1\n`), [
    '3:1: port: unknown key; did you mean run.port?',
    '4:1: banana: unknown key; the keys here are service, image, run, replace, channels, environments, services',
  ]);
});

test('a file comes from a path, or from a path of a stage', () => {
  assert.deepEqual(
    problemsOf('service: web\nimage: { from: scratch, files: [{ from: stage:a, to: /a }, { from: b, path: c, to: /b }] }\n'),
    [
      '2:33: image.files[0].path: is missing; expected what to take: a path, folder or glob',
      '2:77: image.files[1].path: from is a path already: only a stage has another',
    ],
  );
});

test('a Dockerfile and a recipe do not mix', () => {
  assert.deepEqual(problemsOf('service: web\nimage: { dockerfile: Dockerfile, user: app }\n'), [
    '2:34: image.user: does not go together with the other keys here',
  ]);
});

test('a long list of problems is cut, and says so', () => {
  const error = refusal(`${RECIPE}${Array.from({ length: 30 }, (_, index) => `banana${index}: 1\n`).join('')}`);
  assert.match(error.message, /^30 problems\n/);
  assert.match(error.message, /\n  and 10 more$/);
});

test('what is quoted from the file cannot drive the terminal', () => {
  const [problem] = problemsOf('service: "\\e[2J\\u202Ex"\nimage: { from: scratch }\n');
  assert.match(problem ?? '', /found "\\u001b\[2J\\u\{202e\}x"$/);
});
