/** Tasks on the real thing: migrations that run once whenever the daemon is killed, tests, approvals, webhooks, points of no return. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client } from '../../src/client/client.ts';
import { Random } from '../../src/engines/sim/random.ts';
import { KilnError } from '../../src/errors/error.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, until, writeService, type ServiceOptions } from './kiln-under-test.ts';
import { ask, startVisitors } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');
const KILLS = 6;
/** From a deploy's start to well past its job's end. */
const WINDOW_MS = 4000;

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-tasks-'));
let port = 0;
let client: Client;

const write = (version: string, replace: string, more: Partial<ServiceOptions> = {}): void =>
  void writeService(folder, port, {
    name: 'web',
    version,
    instances: 2,
    run: 'volumes: { data: /data }',
    deadline: '30s',
    strategy: `blue-green\n  ${replace}`,
    ...more,
  });
const deploy = () => client.deploy({ folder, by: 'the test' }).result();
const job = (script: string, more = ''): string => `{ job: [/bin/sh, -c, '${script}'], deadline: 1m${more} }`;
const lines = (): readonly string[] => {
  const path = join(kiln.home.volumes, 'web', 'local', 'data', 'lines');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};
const status = () => client.status({ service: 'web' });
/** Fails at once, with the reason, where it is rolled back instead. */
const serves = (release: number) =>
  until(`r${release} serves`, async () => {
    const { phase, serving, ended } = await status();
    if (phase !== 'steady') return null;
    return serving === release ? 'it serves' : (ended?.reason ?? 'it does not');
  }).then((said) => assert.equal(said, 'it serves'));
const ended = (release: number) =>
  until(`the rollout to r${release} has ended`, async () => {
    const seen = await status();
    const isOver = seen.phase === 'steady' && seen.ended?.outcome === 'rolled-back';
    return isOver ? seen : null;
  });

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  client = await kiln.client();
  write('one', 'revoked: report');
  await deploy();
  await serves(1);
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

test('a migration runs once, whenever the daemon is killed; no request fails', NEEDS, async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const random = new Random(seed);
  const visitors = startVisitors(port);
  t.after(() => visitors.leave());
  for (let kill = 1; kill <= KILLS; kill++) {
    write(`kill ${kill}`, `before: [${job(`echo ${kill} >> /data/lines; busybox sleep 0.5`)}]`);
    const { release } = await deploy();
    await systemClock.sleep(random.below(WINDOW_MS));
    await kiln.killDaemon();
    client = await kiln.client();
    await serves(release.number);
    assert.deepEqual(
      lines(),
      Array.from({ length: kill }, (_, index) => String(index + 1)),
    );
  }
  assert.deepEqual((await visitors.leave()).failures, []);
  assert.equal(await ask(port), `kill ${KILLS}`);
});

test(
  'a migration that fails leaves the traffic untouched, and its last lines are the reason; its log stays',
  NEEDS,
  async (t) => {
    const { serving } = await status();
    const answer = await ask(port);
    write('failed', `before: [${job('echo first; echo no such table: users >&2; exit 3')}]`);
    const visitors = startVisitors(port);
    t.after(() => visitors.leave());
    const { release } = await deploy();
    const seen = await ended(release.number);
    assert.equal(seen.serving, serving);
    assert.match(
      seen.ended?.reason ?? '',
      /^the job .* failed: exited with code 3; its last lines: first \/ no such table: users$/,
    );
    const { failures, versions } = await visitors.leave();
    assert.deepEqual([failures, [...versions.keys()]], [[], [answer]]);
    const said: string[] = [];
    for await (const { instance, text } of client.logs({ target: 'web' }))
      if (instance.endsWith(`r${release.number}.job-before-1`)) said.push(text);
    assert.deepEqual(said, ['first', 'no such table: users']);
  },
);

test('an aborted migration is ended, and nothing of it goes on', NEEDS, async () => {
  write('aborted', `before: [${job('echo begun >> /data/lines; busybox sleep 1000')}]`);
  const { release } = await deploy();
  await until('the job has begun', () => (lines().at(-1) === 'begun' ? true : null));
  await client.abort({ service: 'web', by: 'the test' });
  const seen = await ended(release.number);
  assert.equal(seen.ended?.reason, 'aborted');
});

test('green is tested before it gets traffic: by HTTP, a command and a job', NEEDS, async () => {
  const tests = `{ http: /version, body: tested, within: 5s }, { command: [/bin/busybox, grep, tested, /www/version] }, ${job('grep tested /www/version')}`;
  write('plain', `tests: [${tests}]`);
  const bad = await deploy();
  const seen = await ended(bad.release.number);
  assert.match(
    seen.ended?.reason ?? '',
    /^the test GET \/version failed: the answer does not hold "tested" \(web\.local\.r\d+\..{6}\)$/,
  );
  write('tested', `tests: [${tests}]`);
  const good = await deploy();
  await serves(good.release.number);
  const results = (await status()).tasks.map(({ kind, state }) => [kind, state]);
  assert.deepEqual(results, [
    ['test', 'passed'],
    ['test', 'passed'],
    ['job', 'passed'],
  ]);
});

test('a person approves, and is in the history; webhooks before and after are signed', NEEDS, async (t) => {
  const taken: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  const server = createServer((request, answer) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      taken.push({ headers: request.headers, body });
      answer.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const secret = join(folder, '..', `kiln-e2e-secret-${process.pid}`);
  writeFileSync(secret, 'do not tell');
  t.after(() => rmSync(secret));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  write('approved', `approve: [traffic]\n  webhooks: [{ url: "${url}", at: [before, after], secret: "file:${secret}" }]`);
  const { release } = await deploy();
  await until('it waits for a person', async () => (await status()).waits.some(({ reason }) => reason.includes('to approve')));
  await kiln.killDaemon();
  client = await kiln.client();
  await until('it still does', async () => (await status()).waits.some(({ reason }) => reason.includes('to approve')));
  assert.notEqual(await ask(port), 'approved');
  await client.approve({ service: 'web', by: 'ada' });
  await serves(release.number);
  assert.equal(await ask(port), 'approved');
  await until('the end was told', () => taken.length === 2);
  const told = taken.map(({ headers, body }) => {
    const text = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', 'do not tell').update(text).digest('base64')}`);
    const { type, data } = JSON.parse(body) as { type: string; data: { release: number; outcome?: string } };
    return [type, data.release, data.outcome];
  });
  assert.deepEqual(told, [
    ['rollout.before', release.number, undefined],
    ['rollout.after', release.number, 'done'],
  ]);
  const { entries } = await client.history({ service: 'web', newest: true, limit: 200 });
  assert.ok(entries.some(({ kind, data }) => kind === 'task.ended' && (data as { why: string }).why === 'approved by ada'));
  assert.ok(!JSON.stringify(entries).includes('do not tell'));
});

test('past a point of no return a rollback is refused with the reason, and done where it is overruled', NEEDS, async () => {
  const before = (await status()).serving ?? 0;
  write('final', `before: [${job('exit 0', ', point-of-no-return: drops a column')}]`);
  const { release } = await deploy();
  await serves(release.number);
  await assert.rejects(
    client.rollback({ service: 'web', by: 'the test' }),
    (error) => error instanceof KilnError && error.code === 'POINT_OF_NO_RETURN' && /\(drops a column\)/.test(error.message),
  );
  await client.rollback({ service: 'web', by: 'the test', pastNoReturn: true });
  await serves(before);
});
