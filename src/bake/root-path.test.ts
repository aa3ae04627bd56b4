import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { makeFolderInRoot, resolveInRoot } from './root-path.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'kiln-root-'));
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(root, 'run'));
  await mkdir(join(root, 'var'));
  await symlink('usr/bin', join(root, 'bin'));
  await symlink('/run', join(root, 'var/run'));
  await symlink('../../../../../../etc', join(root, 'out'));
  await symlink('loop-b', join(root, 'loop-a'));
  await symlink('loop-a', join(root, 'loop-b'));
});
after(() => rm(root, { recursive: true }));

const cases: readonly [path: string, within: string][] = [
  ['/bin/sh', 'usr/bin/sh'],
  ['/var/run/app.pid', 'run/app.pid'],
  ['/out/passwd', 'etc/passwd'],
  ['/../../etc/passwd', 'etc/passwd'],
  ['/nothing/there', 'nothing/there'],
];
for (const [path, within] of cases) {
  test(`${path} of an image is ${within} below its root, never outside`, async () => {
    assert.equal(await resolveInRoot(root, path), join(root, within));
  });
}

test('the last link is kept where it is what is meant', async () => {
  assert.equal(await resolveInRoot(root, '/var/run', true), join(root, 'var/run'));
});

test('links in a circle are an error, not a hang', async () => {
  await assert.rejects(resolveInRoot(root, '/loop-a/x'), { code: 'FILE_UNREADABLE' });
});

test("folders are made where the image's links lead", async () => {
  assert.equal(await makeFolderInRoot(root, '/var/run/app/state'), join(root, 'run/app/state'));
});
