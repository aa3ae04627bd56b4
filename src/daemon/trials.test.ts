/** Tests of images on real instances: what boots is taken away in every case. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fleetId, type EnvironmentName, type ServiceName } from '../domain/ids.ts';
import { TRIAL_ENVIRONMENT, type ImageTest, type ImageTestKind } from '../domain/image-test.ts';
import type { ReleaseContent } from '../domain/release.ts';
import {
  CALL,
  busybox,
  file,
  hostFixture,
  leftOf,
  release,
  server,
  type HostFixture,
} from '../engines/host/testing/host-fixture.ts';
import { testGate } from '../gates/test/gate.ts';
import { subjectOf } from '../gates/testing/subject.ts';
import { systemClock } from '../platform/clock.ts';
import { requires } from '../../test/requires.ts';
import { withTrials } from './trials.ts';

const NEEDS = requires('root', 'runc', 'conmon', 'busybox');
const { signal } = CALL;

const trial = ({ content }: { readonly content: ReleaseContent }): ReleaseContent => ({
  ...content,
  fleet: fleetId('web' as ServiceName, TRIAL_ENVIRONMENT as EnvironmentName),
});

/** No instance, network, mount of one, process or container; mounted layers are the store's. */
const assertNothingRuns = async ({ home }: HostFixture): Promise<void> =>
  assert.deepEqual(
    (await leftOf(home)).filter((left) => !left.includes('/layers/')),
    [],
  );

const within = (kind: ImageTestKind): ImageTest => ({ ...kind, withinMs: 20_000 });

test('tests pass and fail on a booted instance, of which nothing is left', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { runtime, trials } = await withTrials(await fixture.open(), systemClock);
  const image = await fixture.image([busybox(), [file('srv/app.conf', 'level = info\n', 0o640)]], { User: 'app' });
  const content = trial(server(image, { launch: { user: 'app', capabilities: ['NET_BIND_SERVICE'] } }));
  const seen: number[] = [];
  const counting = {
    boot: async (...args: Parameters<typeof trials.boot>) => {
      const booted = await trials.boot(...args);
      seen.push((await runtime.observe(CALL)).length);
      return booted;
    },
  };
  const good: readonly ImageTest[] = [
    within({ kind: 'http', path: '/healthz', port: null, status: 200, body: 'fine', headers: {} }),
    within({ kind: 'port', port: 80 }),
    within({ kind: 'user', user: 'app' }),
    within({ kind: 'file', path: '/srv/app.conf', exists: true, mode: 0o640, owner: 'root', content: 'info' }),
    within({ kind: 'file', path: '/tmp/www/healthz', exists: true, mode: null, owner: 'app', content: 'fine' }),
    within({ kind: 'command', command: ['wget', '-q', '-O', '-', 'http://127.0.0.1/healthz'], exit: 0, stdout: '^fine$' }),
    within({ kind: 'command', command: ['touch', '/srv/x'], exit: 1, stdout: null }),
  ];
  const bad: readonly ImageTest[] = [
    { kind: 'http', path: '/none', port: null, status: 200, body: null, headers: {}, withinMs: 100 },
    { kind: 'user', user: 'root', withinMs: 100 },
    { kind: 'file', path: '/bin/sshd', exists: true, mode: null, owner: null, content: null, withinMs: 100 },
  ];
  const subject = subjectOf({ image: await fixture.store.image(image), launch: () => content, tests: [...good, ...bad] });
  const { findings, why, predicates } = await testGate(counting, systemClock).run(subject, []);
  assert.equal(why, '7 of 10 tests passed', JSON.stringify(findings));
  assert.deepEqual(
    findings.map(({ rule, blocks }) => [rule, blocks]),
    [
      ['test-http', true],
      ['test-user', true],
      ['test-file', true],
    ],
  );
  const result = predicates[0]?.content as { result: string; failedTests: readonly string[] };
  assert.deepEqual([result.result, result.failedTests.length], ['FAILED', 3]);
  assert.deepEqual(seen, [0], 'nobody else sees the instance');
  await assertNothingRuns(fixture);
});

test('an image that does not get healthy says why, and leaves nothing', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { trials } = await withTrials(await fixture.open(), systemClock);
  const image = await fixture.image([busybox()]);
  const ends = trial(
    release(image, 'echo no such database >&2; exit 3', { health: { probe: { kind: 'tcp' } }, routing: { port: 80 } }),
  );
  await assert.rejects(trials.boot(ends, signal), { code: 'LAUNCH_FAILED', message: /exited with code 3.*no such database/ });
  const silent = trial(
    release(image, 'sleep 1000', { health: { probe: { kind: 'tcp' }, deadlineMs: 300 }, routing: { port: 80 } }),
  );
  await assert.rejects(trials.boot(silent, signal), { code: 'LAUNCH_FAILED', message: /not healthy after/ });
  await assertNothingRuns(fixture);
});

test('a cancelled bake takes its instance away', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { trials } = await withTrials(await fixture.open(), systemClock);
  const cancel = new AbortController();
  const content = trial(
    release(await fixture.image([busybox()]), 'sleep 1000', { health: { probe: { kind: 'tcp' } }, routing: { port: 80 } }),
  );
  const booting = trials.boot(content, cancel.signal);
  cancel.abort(new Error('gone'));
  await assert.rejects(booting);
  await assertNothingRuns(fixture);
});

test('what a killed daemon was testing is taken away by the next one', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { trials } = await withTrials(await fixture.open(), systemClock);
  await trials.boot(trial(server(await fixture.image([busybox()]))), signal);
  assert.notDeepEqual(await leftOf(fixture.home), []);
  await withTrials(await fixture.open(), systemClock);
  await assertNothingRuns(fixture);
});
