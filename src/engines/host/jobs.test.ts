/** Jobs on the real thing: once and never twice (law 7), wherever the daemon is killed. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { groupId, jobId, type ReleaseNumber } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import { KilnError } from '../../errors/error.ts';
import { requires } from '../../../test/requires.ts';
import type { JobObservation } from '../engine.ts';
import { monitorOf, readPid } from './conmon.ts';
import type { HostRuntime } from './runtime.ts';
import { crashAt, STAGES, whereOf } from './testing/crash-at.ts';
import { busybox, CALL, FLEET, hostFixture, leftOf, release, until, type HostFixture } from './testing/host-fixture.ts';

const NEEDS = requires('root', 'runc', 'conmon', 'ip', 'nft', 'busybox');
const JOB = jobId(groupId(FLEET, 1 as ReleaseNumber), 'migrate');

/** A release with a volume at /data, and what its job runs. */
async function given(
  fixture: HostFixture,
  script: string,
): Promise<{ readonly of: Release; readonly command: readonly string[] }> {
  const launch = { volumes: [{ name: 'data', path: '/data', singleWriter: false }], env: { WORD: 'migrated' } };
  return { of: release(await fixture.image([busybox()]), 'exit 9', { launch }), command: ['/bin/sh', '-c', script] };
}

const linesOf = ({ home }: HostFixture): readonly string[] => {
  const path = join(home.volumes, 'web', 'local', 'data', 'lines');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

/** Once it is over. */
const ended = (runtime: HostRuntime): Promise<JobObservation> =>
  until(async () => {
    const job = (await runtime.jobs(CALL)).find(({ id }) => id === JOB);
    assert.ok(job !== undefined, 'there is no such job');
    return job.status === 'made' || job.status === 'running' ? null : job;
  });

const notLayers = async (fixture: HostFixture): Promise<readonly string[]> =>
  (await leftOf(fixture.home)).filter((left) => !left.includes('/layers/'));

const APPEND = 'echo $WORD >> /data/lines';

test(
  'a job runs once with the environment and volumes of its release, and is gone without a trace when it was removed',
  NEEDS,
  async (t) => {
    const fixture = await hostFixture(t);
    const { of, command } = await given(fixture, `${APPEND}; touch /x 2>&1`);
    const runtime = await fixture.open();
    await runtime.startJob({ id: JOB, release: of, command }, CALL);
    const { status, detail } = await ended(runtime);
    assert.equal(status, 'failed');
    assert.match(detail, /^exited with code 1; its last lines: .*\/x: Read-only file system$/);
    await runtime.startJob({ id: JOB, release: of, command }, CALL);
    assert.deepEqual(linesOf(fixture), ['migrated']);
    assert.deepEqual(await runtime.observe(CALL), [], 'it is no instance');
    await runtime.removeJob(JOB, CALL);
    await runtime.removeJob(JOB, CALL);
    assert.deepEqual(await runtime.jobs(CALL), []);
    assert.deepEqual(await notLayers(fixture), []);
    assert.ok(existsSync(join(fixture.home.logs, 'web', 'local', `${JOB}.log`)), 'its log stays');
  },
);

test('a command that is not there fails its job at once, and leaves nothing', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { of } = await given(fixture, '');
  const runtime = await fixture.open();
  await assert.rejects(
    runtime.startJob({ id: JOB, release: of, command: ['/bin/migrate'] }, CALL),
    (error) => error instanceof KilnError && error.code === 'LAUNCH_FAILED' && /\/bin\/migrate/.test(error.message),
  );
  assert.deepEqual(await runtime.jobs(CALL), []);
  assert.deepEqual(await notLayers(fixture), []);
});

for (const stage of STAGES) {
  test(
    `the daemon is killed ${whereOf(stage)} while it starts a job: the next one sees to it that it runs once`,
    NEEDS,
    async (t) => {
      const fixture = await hostFixture(t);
      const { of, command } = await given(fixture, APPEND);
      await crashAt(fixture, stage, JOB, { ...of, content: { ...of.content, launch: { ...of.content.launch, command } } });
      const runtime = await fixture.open();
      await runtime.startJob({ id: JOB, release: of, command }, CALL);
      assert.equal((await ended(runtime)).status, 'passed');
      assert.deepEqual(linesOf(fixture), ['migrated']);
      await runtime.removeJob(JOB, CALL);
      assert.deepEqual(await notLayers(fixture), []);
      assert.deepEqual(fixture.reports, []);
    },
  );
}

test('a job goes on while no daemon runs, and the next one hears how it ended', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { of, command } = await given(fixture, `${APPEND}; while ! test -e /data/go; do sleep 0.05; done; exit 3`);
  const first = await fixture.open();
  await first.startJob({ id: JOB, release: of, command }, CALL);
  await until(async () => (linesOf(fixture).length > 0 ? true : null));
  const second = await fixture.open();
  assert.deepEqual(await second.jobs(CALL), [{ id: JOB, release: of.hash, status: 'running', detail: '' }]);
  await second.close();
  const folder = join(fixture.home.run, 'instances', JOB);
  writeFileSync(join(fixture.home.volumes, 'web', 'local', 'data', 'go'), '');
  await until(async () => ((await monitorOf(JOB, folder)) === null ? true : null));
  const third = await fixture.open();
  await third.startJob({ id: JOB, release: of, command }, CALL);
  assert.deepEqual(await ended(third), { id: JOB, release: of.hash, status: 'failed', detail: 'exited with code 3' });
  assert.deepEqual(linesOf(fixture), ['migrated']);
});

test('how a job ended whose record a reboot took is not known, and it is not begun again', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { of, command } = await given(fixture, APPEND);
  const first = await fixture.open();
  await first.startJob({ id: JOB, release: of, command }, CALL);
  await ended(first);
  await first.close();
  rmSync(join(fixture.home.run, 'instances', JOB), { recursive: true });
  const second = await fixture.open();
  await second.startJob({ id: JOB, release: of, command }, CALL);
  assert.equal((await ended(second)).status, 'lost');
  assert.deepEqual(linesOf(fixture), ['migrated']);
  await second.removeJob(JOB, CALL);
  assert.deepEqual(await second.jobs(CALL), []);
  assert.deepEqual(await notLayers(fixture), []);
});

test('a job whose monitor was killed runs on, and how it ended is not known', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { of, command } = await given(fixture, `${APPEND}; sleep 1000`);
  const runtime = await fixture.open();
  await runtime.startJob({ id: JOB, release: of, command }, CALL);
  await until(async () => (linesOf(fixture).length > 0 ? true : null));
  const folder = join(fixture.home.run, 'instances', JOB);
  const [monitor, pid] = [await monitorOf(JOB, folder), await readPid(folder)];
  assert.ok(monitor !== null && pid !== null);
  process.kill(monitor, 'SIGKILL');
  await until(async () => ((await monitorOf(JOB, folder)) === null ? true : null));
  assert.equal((await runtime.jobs(CALL))[0]?.status, 'running');
  process.kill(pid, 'SIGKILL');
  assert.equal((await ended(runtime)).status, 'lost');
});

test('a job that runs is stopped when it is removed', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const { of, command } = await given(
    fixture,
    "trap 'echo stopped >> /data/lines; exit' TERM; echo begun >> /data/lines; while :; do sleep 0.05; done",
  );
  const runtime = await fixture.open();
  const patient = { ...of, content: { ...of.content, launch: { ...of.content.launch, stopGraceMs: 10_000 } } };
  await runtime.startJob({ id: JOB, release: patient, command }, CALL);
  await until(async () => (linesOf(fixture).includes('begun') ? true : null));
  await runtime.removeJob(JOB, CALL);
  assert.deepEqual(linesOf(fixture), ['begun', 'stopped']);
  assert.deepEqual(await notLayers(fixture), []);
});
