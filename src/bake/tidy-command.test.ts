/** What is taken from a command's layer, and what is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { requires } from '../../test/requires.ts';
import { EPOCH_SECONDS } from './contract.ts';
import { tidyCommand } from './tidy-command.ts';

async function upper(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-tidy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, 'latin1');
  }
  return folder;
}

test("apt's lists, caches and logs, ldconfig's cache and copies of account files go; folders and all else stay", async (t) => {
  const gone = [
    'var/lib/apt/lists/x_InRelease',
    'var/cache/apt/pkgcache.bin',
    'var/cache/ldconfig/aux-cache',
    'etc/passwd-',
    'var/log/dpkg.log',
  ];
  const kept = ['etc/passwd', 'var/log/app/seed.log', 'var/cache/app/x', 'srv/dpkg.log'];
  const folder = await upper(t, Object.fromEntries([...gone, ...kept].map((path) => [path, 'x'])));
  await tidyCommand(folder);
  assert.deepEqual(
    gone.filter((path) => existsSync(join(folder, path))),
    [],
  );
  assert.deepEqual(
    kept.filter((path) => !existsSync(join(folder, path))),
    [],
  );
  assert.ok(existsSync(join(folder, 'var/lib/apt/lists')));
});

test("a machine's id is emptied, a password's day becomes the epoch's, and a password that must be changed still must", async (t) => {
  const folder = await upper(t, {
    'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    'etc/shadow': 'root:*:20413:0:99999:7:::\nfresh:!:0:0:99999:7:::\n',
  });
  await tidyCommand(folder);
  assert.equal(await readFile(join(folder, 'etc/machine-id'), 'utf8'), '');
  assert.equal(await readFile(join(folder, 'etc/shadow'), 'utf8'), 'root:*:3652:0:99999:7:::\nfresh:!:0:0:99999:7:::\n');
});

test("Python's compiled files name the time that the layer gives their sources; those by hash are left", async (t) => {
  const compiled = (flags: number, seconds: number): string => {
    const head = Buffer.from([0xa7, 0x0d, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
    head.writeUInt32LE(flags, 4);
    head.writeUInt32LE(seconds, 8);
    return `${head.toString('latin1')}code`;
  };
  const folder = await upper(t, { 'a.pyc': compiled(0, 1_763_715_063), 'b.pyc': compiled(3, 1_763_715_063), 'c.pyc': 'short' });
  await tidyCommand(folder);
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'latin1');
  assert.equal(await read('a.pyc'), compiled(0, EPOCH_SECONDS));
  assert.equal(await read('b.pyc'), compiled(3, 1_763_715_063));
  assert.equal(await read('c.pyc'), 'short');
});

test('a link that a command put in the place of a folder is not followed', async (t) => {
  const outside = await upper(t, { 'passwd-': 'mine', 'log/dpkg.log': 'mine', shadow: 'root:*:20413::::::\n' });
  const folder = await upper(t, {});
  await symlink(outside, join(folder, 'etc'));
  await symlink(outside, join(folder, 'var'));
  await tidyCommand(folder);
  assert.equal(await readFile(join(outside, 'passwd-'), 'utf8'), 'mine');
  assert.equal(await readFile(join(outside, 'log/dpkg.log'), 'utf8'), 'mine');
  assert.equal(await readFile(join(outside, 'shadow'), 'utf8'), 'root:*:20413::::::\n');
});

test('what a command removed from below stays removed', requires('root'), async (t) => {
  const folder = await upper(t, { 'var/lib/apt/lists/x': '' });
  execFileSync('mknod', [join(folder, 'var/lib/apt/lists/gone'), 'c', '0', '0']);
  execFileSync('mknod', [join(folder, 'var/lib/dpkg-lock'), 'c', '0', '0']);
  await tidyCommand(folder);
  assert.ok(lstatSync(join(folder, 'var/lib/apt/lists/gone')).isCharacterDevice());
});
