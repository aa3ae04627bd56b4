/** Law 7: a crash at any point leaves no orphan. The daemon is killed before and after each program that a launch runs. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import { monitorOf, readPid } from './conmon.ts';
import { crashAt, STAGES, whereOf, type Stage } from './testing/crash-at.ts';
import {
  becomes,
  busybox,
  CALL,
  folder,
  hostFixture,
  instance,
  leftOf,
  server,
  until,
  type HostFixture,
} from './testing/host-fixture.ts';

const NEEDS = requires('root', 'runc', 'conmon', 'ip', 'nft', 'busybox');
const A = instance('aaaaaa');
const notLayers = async (fixture: HostFixture): Promise<readonly string[]> =>
  (await leftOf(fixture.home)).filter((left) => !left.includes('/layers/'));

const crash = async (fixture: HostFixture, stage: Stage): Promise<void> =>
  crashAt(fixture, stage, A, server(await fixture.image([busybox()])));

for (const stage of STAGES) {
  const where = whereOf(stage);
  test(`killed ${where}: the instance is seen as ended, and removing it leaves nothing`, NEEDS, async (t) => {
    const fixture = await hostFixture(t);
    await crash(fixture, stage);
    const runtime = await fixture.open();
    for (const { health } of await runtime.observe(CALL))
      assert.match(health.status === 'exited' ? health.detail : '', /its launch was cut off/);
    await runtime.remove(A, CALL);
    assert.deepEqual(await notLayers(fixture), []);
    assert.deepEqual(fixture.reports, []);
  });

  test(`killed ${where}, and its record lost: the next daemon takes away what is left`, NEEDS, async (t) => {
    const fixture = await hostFixture(t);
    await crash(fixture, stage);
    rmSync(join(fixture.home.run, 'instances', A), { recursive: true, force: true });
    const runtime = await fixture.open();
    assert.deepEqual(await runtime.observe(CALL), []);
    assert.deepEqual(await notLayers(fixture), []);
    assert.deepEqual(fixture.reports, []);
  });
}

test('killed while a root is made: it is made again, and not taken for whole', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  // Of two layers: the first overlay is the image alone, to see what it has.
  const content = server(await fixture.image([busybox(), [folder('srv')]]), {
    launch: {
      scratch: [{ path: '/tmp', sizeBytes: 1 << 20 }],
      volumes: [{ name: 'data', path: '/not/in/the/image', singleWriter: false }],
    },
  });
  await crashAt(fixture, ['mount', 'overlay', 'after'], A, content);
  const runtime = await fixture.open();
  const other = instance('bbbbbb');
  await runtime.launch(other, content, CALL);
  await becomes(runtime, other, 'healthy');
});

test('an instance goes on while no daemon runs, and the next one adopts it untouched', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const content = server(await fixture.image([busybox()]));
  const first = await fixture.open();
  await first.launch(A, content, CALL);
  const before = await becomes(first, A, 'healthy');
  const pid = await readPid(join(fixture.home.run, 'instances', A));
  await first.close();
  const answer = await fetch(`http://${before.address?.host}:80/healthz`);
  assert.equal(answer.status, 200);
  const second = await fixture.open();
  assert.deepEqual(await second.observe(CALL), [before], 'healthy at once, since the same time');
  assert.equal(await readPid(join(fixture.home.run, 'instances', A)), pid);
  await second.launch(A, content, CALL);
  assert.equal((await second.observe(CALL)).length, 1);
});

test('an instance that ended while no daemon ran is seen as ended by the next, with its code', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const first = await fixture.open();
  await first.launch(A, server(await fixture.image([busybox()])), CALL);
  await becomes(first, A, 'healthy');
  const folder = join(fixture.home.run, 'instances', A);
  const pid = await readPid(folder);
  assert.ok(pid !== null);
  await first.close();
  process.kill(pid, 'SIGKILL');
  await until(async () => ((await monitorOf(A, folder)) === null ? true : null));
  const second = await fixture.open();
  const { health } = await becomes(second, A, 'exited');
  assert.equal(health.status === 'exited' && health.detail, 'killed by signal 9');
});

test('an instance whose monitor was killed is no longer healthy, and is removed whole', NEEDS, async (t) => {
  const fixture = await hostFixture(t);
  const runtime = await fixture.open();
  await runtime.launch(A, server(await fixture.image([busybox()])), CALL);
  await becomes(runtime, A, 'healthy');
  const monitor = await monitorOf(A, join(fixture.home.run, 'instances', A));
  assert.ok(monitor !== null);
  process.kill(monitor, 'SIGKILL');
  const { health } = await becomes(runtime, A, 'exited');
  assert.match(health.status === 'exited' ? health.detail : '', /monitor/);
  await runtime.remove(A, CALL);
  assert.deepEqual(await notLayers(fixture), []);
});
