/** The whole way from `bin/kiln` to the daemon's loops and back; only the machine below (instances, routing, bake) is faked. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { KILN, said, session } from './session.ts';

test('bake, deploy, replace, roll back: as a person types it', async (t) => {
  const { kiln, world, folder } = await session(t);
  assert.match(await said(kiln('status')), /^Nothing is deployed. Next: kiln deploy DIR\n$/);
  assert.match(await said(kiln('bake', folder)), /✓ files .*\n(.*\n)*image [0-9a-f]{8} {3}web:\w+ {3}baked in/);
  assert.match(
    await said(kiln('deploy', folder)),
    /^web.local {3}nothing → r1 .*rolling\n(.*\n)* {2}✓ r1 serves {3}http:\/\/127.0.0.1:1 {3}/m,
  );
  assert.match(await said(kiln('deploy', folder)), /^web.local {3}r1 .*nothing has changed, so there is no new release\n$/m);

  world.content = 'two';
  assert.match(await said(kiln('deploy', folder)), /^web.local {3}r1 → r2 /m);
  assert.match(await said(kiln('status', 'web')), /^web.local {3}r2 {3}steady .*\n {2}✓ r2 +2 of 2 healthy +100 % of traffic\n/);
  assert.match(await said(kiln('rollback', 'web')), /^web.local {3}r2 → r1\n(.*\n)* {2}✓ r1 serves again/);
  assert.match(await said(kiln('rollback', 'web', '--to', 'r1')), /r1 serves already/);

  assert.match(await said(kiln('releases', 'web')), /\nr2 +warm .*\nr1 +serves /);
  assert.match(await said(kiln('history', 'web', '--limit', '500')), /deploy, given by ada\n(.*\n)*.*rollback, given by ada\n/);
  assert.match(await said(kiln('history', 'verify')), /^\d+ entries, and the chain is whole.\n$/);
  assert.match(await said(kiln('complete-words', 'service')), /^web\n$/);
  assert.match(await said(kiln('complete-words', 'release')), /^r2\nr1\n$|^r1\nr2\n$/);
  assert.match(await said(kiln('complete-words', 'instance')), /^web\n(web\.local\.r\d\.\w{6}\n)+$/);
  assert.equal(execFileSync(KILN, ['complete-words', 'environment'], { encoding: 'utf8', cwd: folder }), 'local\n');
});

test('the completion that kiln prints is one that bash takes', async (t) => {
  const { kiln } = await session(t);
  const script = await said(kiln('completion', 'bash'));
  const told = execFileSync('bash', ['-c', 'eval "$1"; complete -p kiln', 'bash', script], { encoding: 'utf8' });
  assert.equal(told, 'complete -F _kiln kiln\n');
});

test('what there is nothing of is said', async (t) => {
  const { kiln, folder } = await session(t);
  await said(kiln('deploy', folder));
  const [resumed, log] = [await kiln('resume', 'web'), await kiln('logs', 'web.local.r1.zzzzzz')];
  assert.match(resumed.stderr, /^error\[ROLLOUT_BUSY\]: web.local: no rollout is under way/);
  assert.match(log.stderr, /^error\[NOT_FOUND\]: there is no instance web.local.r1.zzzzzz, and no log of it/);
  assert.deepEqual([resumed.code, log.code], [2, 2]);
});

test('a rollout whose instances fail is rolled back, and ends with 4', async (t) => {
  const { kiln, world, folder } = await session(t);
  await said(kiln('deploy', folder));
  world.content = 'two';
  world.broken = 'exec /app: no such file';
  const { code, stdout, stderr } = await kiln('deploy', folder);
  assert.equal(code, 4, stdout + stderr);
  assert.match(stderr, /^error\[ROLLED_BACK\]: web.local: r2 was rolled back .*; r1 serves\n {2}hint: `kiln logs web`/);
  assert.match(await said(kiln('status', 'web')), /the last rollout was rolled back/);
});

test('a deploy --plan says what would be done, does nothing, and ends with 3', async (t) => {
  const { kiln, folder } = await session(t);
  const { code, stdout } = await kiln('deploy', folder, '--plan');
  assert.equal(code, 3);
  assert.match(stdout, /web.local: would move to image [0-9a-f]{8}\n {3}1\. /);
  assert.match(await said(kiln('status')), /^Nothing is deployed/);
});

test('what does not exist is named with what does, and ends with 2', async (t) => {
  const { kiln, folder } = await session(t);
  await said(kiln('deploy', folder));
  for (const args of [
    ['status', 'wbe'],
    ['deploy', `${folder}/none`],
    ['image', 'web:9'],
    ['rollback', 'web'],
    ['abort', 'web'],
  ]) {
    const { code, stderr } = await kiln(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^error\[[A-Z_]+\]: .+\n( {2}at .+\n)? {2}hint: .+\n$/);
  }
});

test('scale, remove: the fleet follows', async (t) => {
  const { kiln, folder } = await session(t);
  await said(kiln('deploy', folder));
  assert.match(await said(kiln('scale', 'web', '5')), /^web.local: 5 instances wanted\n/);
  assert.match(await said(kiln('remove', 'web')), /^web.local: all instances are drained and retired/);
});
