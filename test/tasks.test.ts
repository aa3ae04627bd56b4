/** Rollouts with tasks on the simulated engine, as a person would tell them. Properties are in simulation/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Strategy } from '../src/domain/release.ts';
import type { Task } from '../src/domain/task.ts';
import type { TaskBehaviour } from '../src/engines/sim/jobs.ts';
import { contentOf, FLEET, imageOf, type ReleaseTraits } from './simulation/releases.ts';
import { site, type Site } from './site.ts';

const HOUR_MS = 3_600_000;
const migrate: Task = { name: 'migrate', at: 'before', kind: 'job', command: ['migrate'], noReturn: null, deadlineMs: 60_000 };
const final: Task = { ...migrate, noReturn: 'drops a column' };
const answers: Task = {
  name: 'answers',
  at: 'traffic',
  kind: 'test',
  test: { kind: 'http', path: '/', port: null, status: 200, body: null, headers: {} },
  deadlineMs: 60_000,
};
const approval: Task = { name: 'approval', at: 'traffic', kind: 'approval', deadlineMs: HOUR_MS };
const blueGreen: Strategy = { kind: 'blue-green' };
const FAILS: TaskBehaviour = { ends: 'failed', afterMs: 1000 };
const SLOWLY: TaskBehaviour = { ends: 'passed', afterMs: 30_000 };

/** r1 serves, and r2 with these traits is on its way. */
async function second(
  traits: ReleaseTraits,
  ends: { readonly job?: TaskBehaviour; readonly test?: TaskBehaviour } = {},
): Promise<Site> {
  const it = site();
  for (const tried of ['job', 'test'] as const) {
    const behaviour = ends[tried];
    if (behaviour !== undefined) it.world.behaveTasks(imageOf('v2'), tried, behaviour);
  }
  it.deploy('v1', { strategy: blueGreen });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy: blueGreen, ...traits });
  return it;
}

const state = ({ fleets }: Site) => fleets.state(FLEET);
const resultOf = (it: Site, task: string): string | undefined => state(it).tasks.find((run) => run.task === task)?.ended?.result;
const rolledBack = (it: Site): boolean => state(it).ended?.outcome === 'rolled-back' && state(it).rollout === null;

test('nothing of a release is launched before its migration has passed, and the migration is taken away after it', async () => {
  const it = await second({ tasks: [migrate] }, { job: SLOWLY });
  await it.until('the job runs', () => it.world.jobs().length === 1);
  assert.deepEqual(it.running(), { r1: 3 });
  await it.until('r2 serves', () => it.serves(2));
  assert.equal(resultOf(it, 'migrate'), 'passed');
  assert.deepEqual(it.world.jobs(), []);
  assert.deepEqual(it.world.violations, []);
});

test('a failed migration launches nothing, touches no traffic, and says why', async () => {
  const it = await second({ tasks: [migrate] }, { job: FAILS });
  await it.until('it was rolled back', () => rolledBack(it));
  assert.equal(state(it).ended?.reason, 'the job migrate failed: exited with code 1; its last lines: no such table');
  assert.deepEqual(it.running(), { r1: 3 });
  const traffic = it.journal.snapshot().filter(({ kind }) => kind === 'traffic.set');
  assert.equal(traffic.length, 1, 'only that of the first deploy');
});

test('a migration has a deadline', async () => {
  const it = await second({ tasks: [migrate] }, { job: { ends: 'never', afterMs: 0 } });
  await it.until('it was rolled back', () => rolledBack(it));
  assert.equal(state(it).ended?.reason, 'the job migrate failed: not over after 1 m');
  await it.until('the job was ended', () => it.world.jobs().length === 0);
});

test('an abort ends a migration that runs', async () => {
  const it = await second({ tasks: [migrate] }, { job: SLOWLY });
  await it.until('the job runs', () => it.world.jobs().length === 1);
  await it.fleets.command(FLEET, { kind: 'abort' }, 'test');
  await it.until('it was rolled back', () => rolledBack(it));
  await it.until('the job was ended', () => it.world.jobs().length === 0);
  assert.equal(resultOf(it, 'migrate'), 'stopped');
});

test('green gets no traffic before its tests have passed and somebody has approved it, and is on the preview meanwhile', async () => {
  const it = await second({ tasks: [answers, approval], preview: true });
  await it.until('the tests have passed', () => resultOf(it, 'answers') === 'passed');
  await it.world.clock.advance(60_000);
  await it.until('it waits for a person', () => it.waits().includes('somebody to approve r2 before it gets traffic'));
  assert.deepEqual(it.running(), { r1: 3, r2: 3 });
  const routing = it.world.routing(FLEET);
  assert.equal(routing?.preview?.group, 'web.sim.r2');
  assert.equal(routing?.groups.find(({ group }) => group === 'web.sim.r2')?.weight, 0);
  await it.fleets.command(FLEET, { kind: 'approve', by: 'ada' }, 'test');
  await it.until('r2 serves', () => it.serves(2));
  assert.equal(state(it).tasks.find(({ task }) => task === 'approval')?.ended?.why, 'approved by ada');
});

test('green that fails its tests never gets traffic', async () => {
  const it = await second({ tasks: [answers] }, { test: FAILS });
  await it.until('it was rolled back', () => rolledBack(it));
  assert.match(state(it).ended?.reason ?? '', /^the test GET \/ failed: it answered 500, not 200 \(web\.sim\.r2\./);
  await it.until('nothing of r2 is left', () => it.running()['r2'] === undefined);
});

test('an approval that nobody gives in time is a no', async () => {
  const it = await second({ tasks: [approval] });
  await it.until('it waits for a person', () => it.waits().length > 0 && state(it).tasks.length === 1);
  await it.world.clock.advance(HOUR_MS);
  await it.until('it was rolled back', () => rolledBack(it));
  assert.equal(state(it).ended?.reason, 'nobody approved it within 1 h');
});

test('an approval is given once, and nothing else is one', async () => {
  const it = await second({ tasks: [approval] });
  const approve = () => it.fleets.command(FLEET, { kind: 'approve', by: 'ada' }, 'test');
  await assert.rejects(approve(), /nothing waits for an approval/);
  await it.until('it waits for a person', () => state(it).tasks.length === 1);
  await assert.rejects(it.fleets.command(FLEET, { kind: 'promote', past: 'all' }, 'test'), /waits for its approval/);
  await approve();
  await it.until('r2 serves', () => it.serves(2));
  await assert.rejects(approve(), /nothing waits for an approval/);
});

test('the migration of a single writer runs once the old instance has stopped; where it fails, the old one comes back', async () => {
  const traits = { strategy: { kind: 'recreate' }, singleWriter: true } as const;
  const it = site();
  it.world.behaveTasks(imageOf('v2'), 'job', FAILS);
  it.deploy('v1', traits, 1);
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { ...traits, tasks: [migrate] }, 1);
  await it.until('the job runs', () => it.world.jobs().length === 1);
  assert.deepEqual(it.running(), {});
  await it.until('it was rolled back', () => rolledBack(it));
  assert.deepEqual(it.running(), { r1: 1 });
  assert.deepEqual(it.world.violations, []);
});

test('past a point of no return a rollback is refused with the reason, unless it is overruled', async () => {
  const it = await second({ tasks: [final] });
  await it.until('r2 serves', () => it.serves(2));
  const back = (pastNoReturn: boolean) => it.fleets.command(FLEET, { kind: 'rollback', to: null, pastNoReturn }, 'test');
  await assert.rejects(back(false), /r1 may not serve again: r2 has passed a point of no return \(drops a column\)/);
  await back(true);
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v3', { strategy: blueGreen });
  await it.until('r3 serves', () => it.serves(3));
  await it.fleets.command(FLEET, { kind: 'rollback', to: null }, 'test');
  await it.until('r1 serves', () => it.serves(1));
});

test('a rollout that fails past a point of no return is held for a person, who deploys what works', async () => {
  const it = site();
  it.world.behave(imageOf('v2'), { kind: 'never' });
  it.deploy('v1', { strategy: blueGreen });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy: blueGreen, tasks: [final] });
  await it.until('a person is needed', () => state(it).rollout?.phase === 'attention');
  assert.match(state(it).rollout?.reason ?? '', /instances of r2 failed.*; r1 may not serve again/);
  await it.world.clock.advance(24 * HOUR_MS);
  await it.fleets.tickAll();
  assert.equal(it.running()['r1'], 3, 'who serves goes on serving');
  await assert.rejects(it.fleets.command(FLEET, { kind: 'abort' }, 'test'), /point of no return/);
  it.deploy('v3', { strategy: blueGreen });
  await it.until('r3 serves', () => it.serves(3));
  await it.until('nothing of r2 is left', () => it.running()['r2'] === undefined);
  assert.deepEqual(it.world.violations, []);
});

test('a release whose tasks did not pass cannot be rolled back to', async () => {
  const it = await second({ tasks: [migrate] }, { job: FAILS });
  await it.until('it was rolled back', () => rolledBack(it));
  const to = state(it).releases.at(-1)?.number ?? null;
  await assert.rejects(it.fleets.command(FLEET, { kind: 'rollback', to }, 'test'), /the tasks of r2 have not passed/);
});

test('the same release is hashed alike whether or not tasks were ever heard of', () => {
  assert.equal('tasks' in contentOf(imageOf('v1')).replace, false);
});
