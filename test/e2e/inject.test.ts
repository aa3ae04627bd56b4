/**
 * Law 7 on the real host: a step of a rollout goes wrong, or the daemon dies beside it, and the rollout ends complete or rolled
 * back. The simulator does this for every step (test/simulation/faults.test.ts); here it is a sample, drawn by a printed seed:
 * INJECT_SEED and INJECT_COUNT draw others.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client } from '../../src/client/client.ts';
import { answers } from '../../src/client/connect.ts';
import { Random } from '../../src/engines/sim/random.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, until, writeService } from './kiln-under-test.ts';
import { ask } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');
const START = resolve(import.meta.dirname, '../../src/start.mjs');
const SEED = Number(process.env['INJECT_SEED'] ?? 1);
const COUNT = Number(process.env['INJECT_COUNT'] ?? 4);

const STRATEGIES = ['rolling', 'blue-green', 'recreate', 'canary\n  steps: [{ weight: 20%, hold: 1s }]\n  judge: off'];
const OF_CALLS = ['fail-before', 'fail-after', 'twice', 'hang-before', 'hang-after', 'crash-before', 'crash-after'];
const OF_APPENDS = ['fail-before', 'crash-before', 'crash-after'];
/** The steps of a rollout, by where they are done. */
const STEPS: readonly (readonly [place: string, verbs: readonly string[], faults: readonly string[]])[] = [
  ['engine', ['ensureImage', 'launch', 'remove', 'observe'], OF_CALLS],
  ['balancer', ['apply', 'observe'], OF_CALLS],
  [
    'daemon',
    ['rollout.started', 'image.ready', 'group.sized', 'traffic.set', 'step.intent', 'step.done', 'rollout.finished'],
    OF_APPENDS,
  ],
];

function drawSample(): readonly (readonly [strategy: string, injection: string])[] {
  const random = new Random(SEED);
  return Array.from({ length: COUNT }, (_, index) => {
    const [place, verbs, faults] = STEPS[(SEED + index) % STEPS.length] ?? assert.fail();
    return [random.pick(STRATEGIES), [place, random.pick(verbs), random.between(1, 3), random.pick(faults)].join(':')] as const;
  });
}

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-inject-'));
let port = 0;
let version = 0;

const deploy = async (client: Client, strategy: string): Promise<void> => {
  version += 1;
  writeService(folder, port, { name: 'web', version: `v${version}`, strategy, instances: 2 });
  await client.deploy({ folder, by: 'the test' }).result();
};

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  await deploy(await kiln.client(), 'rolling');
  await atRest();
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

/** Takes the place of the daemon that runs; resolves when it answers. */
async function startSpoilt(injection: string): Promise<void> {
  await kiln.killDaemon();
  const log = openSync(join(kiln.home.root, 'spoilt.log'), 'a');
  const args = [START, 'daemon', '--inject', injection];
  const daemon = spawn(process.execPath, args, { detached: true, env: kiln.env, stdio: ['ignore', log, log] });
  daemon.unref();
  closeSync(log);
  await until(
    'the spoilt daemon answers, or has died of its fault',
    async () => daemon.signalCode !== null || (await answers(kiln.home.socket)),
  );
}

/** One release serves, whole, and it alone; a daemon that has died meanwhile is followed by one without faults. */
const atRest = async () =>
  until('the fleet is at rest', async () => {
    const client = await kiln.client();
    const status = await client.status({ service: 'web' });
    const { phase, serving, size, groups, waits, trouble } = status;
    const whole = groups.every(({ release, weight, healthy }) =>
      release === serving ? weight === 10_000 && healthy === size : weight === 0,
    );
    return phase === 'steady' && waits.length === 0 && trouble === null && whole ? status : null;
  });

for (const [strategy, injection] of drawSample()) {
  const name = strategy.split('\n')[0];
  test(`${name}, ${injection} (INJECT_SEED=${SEED}): complete or rolled back, and nothing in between`, NEEDS, async () => {
    const before = await ask(port);
    await startSpoilt(injection);
    // The daemon may die before it has answered: then the deploy is taken, or is not.
    await deploy(await kiln.client(), strategy).catch(() => {});
    const { instances, serving } = await atRest();
    const answer = await ask(port);
    assert.ok([before, `v${version}`].includes(answer), answer);
    assert.equal(instances.filter(({ release, health }) => release === serving && health === 'healthy').length, 2);
    assert.equal((await (await kiln.client()).verifyHistory()).broken, null);
  });
}
