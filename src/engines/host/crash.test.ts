/** Law 7: a crash at any point leaves no orphan. The daemon is killed before and after each program that a launch runs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import { findProgram } from '../../linux/programs.ts';
import { monitorOf, readPid } from './conmon.ts';
import {
  becomes,
  busybox,
  CALL,
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

/** A folder for the front of PATH, in which the program kills its parent before or after it does its work with that word. */
async function killingAt(root: string, program: string, word: string, when: 'before' | 'after'): Promise<string> {
  const folder = join(root, 'bin');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const real = await findProgram(program);
  const script = when === 'before' ? 'kill -9 $PPID' : `${real} "$@"; kill -9 $PPID`;
  writeFileSync(join(folder, program), `#!/bin/sh\ncase "$*" in *'${word}'*) ${script};; *) exec ${real} "$@";; esac\n`, {
    mode: 0o755,
  });
  return folder;
}

/** Launches in a process of its own, which ends by SIGKILL. */
async function crashAt(fixture: HostFixture, [program, word, when]: Stage): Promise<void> {
  const { home } = fixture;
  const content = server(await fixture.image([busybox()]));
  const file = join(home.root, 'release.json');
  writeFileSync(file, JSON.stringify(content));
  const path = `${await killingAt(home.root, program, word, when)}:${process.env['PATH'] ?? ''}`;
  const script = join(import.meta.dirname, 'testing', 'launch-one.ts');
  const ended = spawnSync(process.execPath, [script, home.root, A, file], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  });
  assert.equal(ended.signal, 'SIGKILL', ended.stderr);
}

type Stage = readonly [program: string, word: string, when: 'before' | 'after'];

const STAGES: readonly Stage[] = [
  ['mount', 'overlay', 'before'],
  ['mount', 'overlay', 'after'],
  ['conmon', '', 'before'],
  ['conmon', '', 'after'],
  ['ip', 'batch', 'before'],
  ['nsenter', '', 'before'],
  ['nsenter', '', 'after'],
  ['runc', ' start ', 'before'],
  ['runc', ' start ', 'after'],
];

for (const stage of STAGES) {
  const where = [stage[2], stage[0], stage[1].trim()].join(' ').trim();
  test(`killed ${where}: the instance is seen as ended, and removing it leaves nothing`, NEEDS, async (t) => {
    const fixture = await hostFixture(t);
    await crashAt(fixture, stage);
    const runtime = await fixture.open();
    for (const { health } of await runtime.observe(CALL))
      assert.match(health.status === 'exited' ? health.detail : '', /its launch was cut off/);
    await runtime.remove(A, CALL);
    assert.deepEqual(await notLayers(fixture), []);
    assert.deepEqual(fixture.reports, []);
  });

  test(`killed ${where}, and its record lost: the next daemon takes away what is left`, NEEDS, async (t) => {
    const fixture = await hostFixture(t);
    await crashAt(fixture, stage);
    rmSync(join(fixture.home.run, 'instances', A), { recursive: true, force: true });
    const runtime = await fixture.open();
    assert.deepEqual(await runtime.observe(CALL), []);
    assert.deepEqual(await notLayers(fixture), []);
    assert.deepEqual(fixture.reports, []);
  });
}

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
