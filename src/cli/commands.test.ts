/** Commands against a client that is a few functions: what they ask of the daemon, and what they answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { EntryBody } from '../client/client.ts';
import { KilnError } from '../errors/error.ts';
import { run as deploy } from './commands/deploy.ts';
import { run as doctor } from './commands/doctor.ts';
import { run as gc } from './commands/gc.ts';
import { run as logs } from './commands/logs.ts';
import { run as rollback } from './commands/rollback.ts';
import { run as scale } from './commands/scale.ts';
import { run as status } from './commands/status.ts';
import { fakeContext, fakeTerminal, fleet, given, group } from './testing/fakes.ts';

const IMAGE = `sha256:${'4f1c9ab2'.repeat(8)}`;
const r8 = group(8).release;
const release = { number: 8, hash: IMAGE, image: IMAGE, strategy: 'rolling', label: 'web:1.2.0 (git 9e2d7c1)', createdAt: 0 };
const entry = (seq: number, kind: string, data: object): EntryBody => ({ seq, at: 0, kind, data }) as EntryBody;
const code = (expected: string) => (error: unknown) => error instanceof KilnError && error.code === expected;

/** As the client's: iterated for the events, then asked for the result. */
const stream = (events: readonly object[], result: unknown): object => ({
  async *[Symbol.asyncIterator]() {
    yield* events;
  },
  result: async () => result,
});

/** A daemon with one fleet, whose rollout goes through `entries`. */
function daemonWith(entries: readonly EntryBody[], created = true): Record<string, unknown> & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const statuses = [fleet({ phase: 'advancing', target: r8 }), fleet({ target: r8, serving: r8, groups: [group(8)] })];
  return {
    asked,
    fleets: async () => ({ fleets: [fleet()], problems: [] }),
    history: async () => ({ entries: [{ seq: 40 }] }),
    deploy: (input: unknown) => {
      asked.push(input);
      return stream([], { fleet: 'web.local', release, created, listen: null, configuration: [], bake: null });
    },
    rollback: async (input: unknown) => {
      asked.push(input);
      return { ...fleet({ phase: 'restoring', target: r8 }), asked: { outcome: 'started', release: 8 } };
    },
    events: (input: unknown) => {
      asked.push(input);
      return stream(entries, {});
    },
    status: async () => (statuses.length > 1 ? statuses.shift() : statuses[0]),
  };
}

const started = entry(41, 'rollout.started', { from: 7, to: 8, cause: 'deploy', reason: 'deploy' });

test('deploy waits for the end by the events since it was asked, and answers the whole', async () => {
  const daemon = daemonWith([started, entry(42, 'rollout.finished', { outcome: 'done' })]);
  const context = fakeContext(daemon);
  const { document, lines, exitCode } = await deploy(given({ DIR: '.' }, { env: 'local' }), context);
  assert.deepEqual(daemon.asked, [
    { by: 'ada', folder: '/srv/web', environment: 'local' },
    { service: 'web.local', after: 40 },
  ]);
  assert.equal(exitCode ?? 0, 0);
  assert.equal((document as { outcome: string }).outcome, 'done');
  assert.match(lines.at(-1) ?? '', /✓ r8 serves {3}http:\/\/localhost:8080/);
});

test('without a terminal, a deploy tells its events a line each', async () => {
  const terminal = fakeTerminal();
  const daemon = daemonWith([started, entry(42, 'step.intent', {}), entry(43, 'rollout.finished', { outcome: 'done' })]);
  await deploy(given({}), fakeContext(daemon, { terminal }));
  assert.match(terminal.written[0] ?? '', /^web.local {3}r7 → r8 {3}image 4f1c9ab2 \(web:1.2.0 \(git 9e2d7c1\)\) {3}rolling\n$/);
  assert.deepEqual(
    terminal.written.slice(1).map((line) => line.trim().replace(/^\S+ s +/, '')),
    ['r7 → r8 started (deploy)', 'rollout done'],
  );
});

test('with --json, a deploy prints nothing on the way', async () => {
  const terminal = fakeTerminal();
  const daemon = daemonWith([started, entry(42, 'rollout.finished', { outcome: 'done' })]);
  await deploy(given({}), fakeContext(daemon, { terminal, json: true }));
  assert.deepEqual(terminal.written, []);
});

test('a deploy that is rolled back ends with 4, one that needs a person with 5', async () => {
  const back = entry(42, 'rollout.started', { from: 8, to: 7, cause: 'failure', reason: 'unhealthy' });
  const rolledBack = [started, back, entry(43, 'rollout.finished', { outcome: 'rolled-back' })];
  const attention = [started, back, entry(43, 'rollout.attention', { reason: 'r7 is unhealthy too' })];
  for (const [entries, exit] of [
    [rolledBack, 4],
    [attention, 5],
  ] as const) {
    const failure = deploy(given({}), fakeContext(daemonWith(entries)));
    await assert.rejects(failure, (error) => error instanceof KilnError && error.exitCode === exit);
  }
});

test('Ctrl-C leaves the rollout to the daemon and says how to look at it', async () => {
  const controller = new AbortController();
  const daemon = {
    ...daemonWith([]),
    events: () => ({
      async *[Symbol.asyncIterator]() {
        yield started;
        controller.abort();
        throw new KilnError('INTERRUPTED', 'interrupted', { hint: 'x' });
      },
    }),
  };
  await assert.rejects(deploy(given({}), fakeContext(daemon, { signal: controller.signal })), (error) => {
    assert.ok(error instanceof KilnError);
    assert.equal(error.exitCode, 130);
    assert.match(error.hint, /kiln status web --watch/);
    return true;
  });
});

test('a daemon that dies meanwhile is waited for, and read on from the last event', async () => {
  const rounds = [[started], [entry(42, 'rollout.finished', { outcome: 'done' })]];
  const asked: unknown[] = [];
  const daemon = {
    ...daemonWith([]),
    health: async () => ({}),
    events: (input: unknown) => ({
      async *[Symbol.asyncIterator]() {
        asked.push(input);
        yield* rounds.shift() ?? [];
        throw new KilnError('DAEMON_UNREACHABLE', 'gone', { hint: 'x' });
      },
    }),
  };
  await deploy(given({}), fakeContext(daemon));
  assert.deepEqual(asked, [
    { service: 'web.local', after: 40 },
    { service: 'web.local', after: 41 },
  ]);
});

test('a deploy with nothing changed says so and waits for nothing', async () => {
  const daemon = {
    ...daemonWith([], false),
    fleets: async () => ({ fleets: [fleet({ target: r8, serving: r8 })], problems: [] }),
  };
  const { lines } = await deploy(given({}), fakeContext(daemon));
  assert.match(lines.join('\n'), /nothing has changed, so there is no new release$/);
});

test('deploy --plan changes nothing and ends with 3 where there is something to change', async () => {
  const planDeploy = (changes: boolean) => () =>
    stream([], {
      fleet: 'web.local',
      image: IMAGE,
      changes,
      admission: [],
      configuration: [],
      steps: changes ? ['launch 1 instance of r8'] : [],
    });
  const [change, none] = await Promise.all(
    [true, false].map((changes) => deploy(given({}, { plan: true }), fakeContext({ planDeploy: planDeploy(changes) }))),
  );
  assert.deepEqual([change?.exitCode, none?.exitCode], [3, undefined]);
  assert.match(change?.lines.join('\n') ?? '', / 1\. launch 1 instance of r8/);
});

test('a strategy that does not exist, a size that is no number, a release that is none: refused before anything is asked', async () => {
  await assert.rejects(deploy(given({}, { strategy: 'yolo' }), fakeContext({})), code('USAGE'));
  for (const size of ['-1', '1.5', 'x', '99999999999']) {
    await assert.rejects(scale(given({ SERVICE: 'web', N: size }), fakeContext({})), code('USAGE'));
  }
  await assert.rejects(rollback(given({ SERVICE: 'web' }, { to: 'latest' }), fakeContext(daemonWith([]))), code('USAGE'));
});

test('rollback waits for the release that the daemon names', async () => {
  const back = entry(41, 'rollout.started', { from: 7, to: 8, cause: 'rollback', reason: 'rollback' });
  const daemon = { ...daemonWith([back, entry(42, 'rollout.finished', { outcome: 'done' })]) };
  const context = fakeContext({ ...daemon, status: async () => fleet({ serving: r8, target: r8 }) });
  const before = fleet();
  const seen = [before, fleet({ serving: r8, target: r8, groups: [group(8)] })];
  const terminal = fakeTerminal();
  const { lines } = await rollback(given({ SERVICE: 'web' }), {
    ...context,
    terminal,
    connect: async () => ({ ...daemon, status: async () => seen.shift() }) as never,
  });
  assert.equal(terminal.written[0], 'web.local   r7 → r8\n');
  assert.match(lines.at(-1) ?? '', /✓ r8 serves again/);
});

test('a rollback that has failed by the time of its answer is not said to serve already', async () => {
  const back = entry(41, 'rollout.started', { from: 8, to: 7, cause: 'rollback', reason: 'rollback' });
  const failed = entry(42, 'rollout.started', { from: 7, to: 8, cause: 'failure', reason: '3 instances of r7 failed' });
  const there = fleet({ serving: r8, target: r8, groups: [group(8)] });
  const asked = { ...there, asked: { outcome: 'started', release: 7 } };
  const daemon = { ...daemonWith([back, failed, entry(43, 'rollout.finished', { outcome: 'rolled-back' })]) };
  const context = fakeContext({ ...daemon, rollback: async () => asked, status: async () => there });
  await assert.rejects(rollback(given({ SERVICE: 'web' }), context), code('ROLLED_BACK'));
  const served = { ...there, asked: { outcome: 'unchanged', release: 8 } };
  const { lines } = await rollback(
    given({ SERVICE: 'web' }),
    fakeContext({ ...daemon, rollback: async () => served, status: async () => there }),
  );
  assert.deepEqual(lines, ['web.local   r8 serves already']);
});

test('doctor ends with 2 where something fatal is missing, and names the fix', async () => {
  const problem = { what: 'runc is not installed', hint: 'apt-get install runc', fatal: true };
  const met = [{ name: 'conmon', fix: 'apt-get install conmon' }];
  const doctored = (problems: readonly object[]): ReturnType<typeof doctor> =>
    doctor(given({}), fakeContext({ doctor: async () => ({ problems, met }) }));
  const failing = await doctored([problem]);
  assert.equal(failing.exitCode, 2);
  assert.match(
    failing.lines.join('\n'),
    /^✓ conmon {3}apt-get install conmon\n✗ runc is not installed\n {4}apt-get install runc/,
  );
  const limited = await doctored([{ ...problem, fatal: false }]);
  assert.equal(limited.exitCode, 0);
});

test('gc --plan asks for the plan only', async () => {
  const images = [{ digest: IMAGE, tags: ['web:1.0.0'] }];
  const stays = [{ digest: IMAGE, tags: [], why: ['serves web.local'] }];
  const planGc = async () => ({ images, stays, trashMs: 7e8, trash: [], deleted: [], blobs: 3, bytes: 1500, unreadable: [] });
  const { lines } = await gc(given({}, { plan: true }), fakeContext({ planGc }));
  assert.match(lines.join('\n'), /goes +4f1c9ab2 .*to the trash[^]*stays +4f1c9ab2 +serves web.local/);
  assert.match(lines.join('\n'), /Would be done: 1 image to the trash; 0 images and 3 blobs, 1.5 kB deleted for good/);
});

test('what never ends cannot be one document', async () => {
  const context = fakeContext({}, { json: true });
  await assert.rejects(logs(given({ 'SERVICE|INSTANCE': 'web' }, { follow: true }), context), code('USAGE'));
  await assert.rejects(status(given({}, { watch: true }), context), code('USAGE'));
});

test('log lines keep their colours on a terminal, and lose what steers it', async () => {
  const terminal = fakeTerminal(true);
  const line = { instance: 'web.local.r8.k3f9x2', at: 0, stream: 'stdout', text: '\u001B[31mred\u001B[0m\u001B[2J\u0007\tx' };
  await logs(given({ 'SERVICE|INSTANCE': 'web' }), fakeContext({ logs: () => stream([line], {}) }, { terminal }));
  assert.deepEqual(terminal.written, ['r8.k3f9x2 \u001B[31mred\u001B[0m\tx\n']);
});
