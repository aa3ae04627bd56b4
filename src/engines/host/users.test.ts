import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { KilnError } from '../../errors/error.ts';
import { signalNumber } from './dispose.ts';
import { findUser } from './users.ts';

function makeRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'kiln-users-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'etc'));
  return root;
}

test('a user is named by number or by name, with a group of either kind', async (t) => {
  const root = makeRoot(t);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'logs:x:50:other,app\nvideo:x:44:\n');
  const app = { uid: 1000, gid: 1001, groups: [50], home: '/home/app' };
  assert.deepEqual(await findUser(root, ''), { uid: 0, gid: 0, groups: [], home: '/root' });
  assert.deepEqual(await findUser(root, 'app'), app);
  assert.deepEqual(await findUser(root, '1000'), app);
  assert.deepEqual(await findUser(root, 'app:video'), { ...app, gid: 44, groups: [] });
  assert.deepEqual(await findUser(root, '7:8'), { uid: 7, gid: 8, groups: [], home: '/' });
  for (const wrong of ['nobody', 'app:nobody']) {
    await assert.rejects(findUser(root, wrong), (error) => error instanceof KilnError && error.code === 'LAUNCH_FAILED');
  }
});

test("an image's account file that leads out of it, or is none, says nothing", async (t) => {
  const root = makeRoot(t);
  symlinkSync('../../../../../../../../proc/self/status', join(root, 'etc/passwd'));
  mkdirSync(join(root, 'etc/group'));
  assert.deepEqual(await findUser(root, ''), { uid: 0, gid: 0, groups: [], home: '/' });
  await assert.rejects(findUser(root, 'root'), /no user "root"/);
});

test('stop signals are read in all the ways that images name them', () => {
  const cases = [
    ['SIGTERM', 15],
    ['quit', 3],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
    ['SIGNONSENSE', 15],
    ['99', 15],
  ] as const;
  for (const [text, number] of cases) assert.equal(signalNumber(text), number, text);
});
