import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { selectFiles } from './file-selection.ts';
import { parseIgnore } from './ignore.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kiln-files-'));
  await mkdir(join(folder, 'src/deep'), { recursive: true });
  for (const path of ['package.json', 'package-lock.json', 'src/a.js', 'src/deep/b.js', 'src/deep/c.txt']) {
    await writeFile(join(folder, path), path);
  }
  await chmod(join(folder, 'src/a.js'), 0o700);
});
afterEach(() => rm(folder, { recursive: true }));

const paths = async (from: string, ignored = '', intoFolder = false): Promise<readonly string[]> =>
  (await selectFiles(folder, from, intoFolder, parseIgnore(ignored))).map((file) => file.path);

test('a folder means what is in it, in one order', async () => {
  assert.deepEqual(await paths('./src'), ['a.js', 'deep', 'deep/b.js', 'deep/c.txt']);
});

test('a file keeps its name in a folder, or gets the name that `to` says', async () => {
  assert.deepEqual(await paths('src/a.js', '', true), ['a.js']);
  assert.deepEqual(await paths('src/a.js'), ['']);
});

test('a glob keeps the place below its plain part', async () => {
  assert.deepEqual(await paths('package*.json'), ['package-lock.json', 'package.json']);
  assert.deepEqual(await paths('src/**/*.js'), ['a.js', 'deep/b.js']);
  assert.deepEqual(await paths('s*'), ['src', 'src/a.js', 'src/deep', 'src/deep/b.js', 'src/deep/c.txt']);
});

test('modes are 0644, or 0755 for what its owner or anyone may execute', async () => {
  const files = await selectFiles(folder, 'src', false, parseIgnore(''));
  assert.deepEqual(
    files.map((file) => file.mode),
    [0o755, 0o755, 0o644, 0o644],
  );
});

test('.kilnignore leaves out of folders and globs, and an ignored file that is named is an error with its rule', async () => {
  assert.deepEqual(await paths('./src', 'deep/'), ['a.js']);
  await assert.rejects(paths('src/deep/b.js', 'deep'), { code: 'FILE_UNREADABLE', message: /"deep"/ });
});

for (const from of ['../x', '/etc/passwd', 'src/../../x', '../*']) {
  test(`a path that leads out of the folder escapes: ${from}`, async () => {
    await assert.rejects(paths(from), { code: 'PATH_ESCAPES' });
  });
}

test('a link that leads out of the folder escapes, named, within a folder or on the way of a glob', async () => {
  await symlink('/etc', join(folder, 'src/etc'));
  await assert.rejects(paths('src/etc/passwd'), { code: 'PATH_ESCAPES' });
  await assert.rejects(paths('src/etc'), { code: 'PATH_ESCAPES' });
  await assert.rejects(paths('src/etc/pass*'), { code: 'PATH_ESCAPES' });
  await assert.rejects(paths('./'), { code: 'PATH_ESCAPES' });
  assert.deepEqual(await paths('src', 'etc'), ['a.js', 'deep', 'deep/b.js', 'deep/c.txt']);
});

test('a link within the folder is copied as a link', async () => {
  await symlink('../a.js', join(folder, 'src/deep/link'));
  const [link] = await selectFiles(folder, 'src/deep/l*', false, parseIgnore(''));
  assert.deepEqual([link?.kind, link?.target], ['link', '../a.js']);
});

test('what is neither file, folder nor link is refused, not opened', async () => {
  execFileSync('mkfifo', [join(folder, 'src/pipe')]);
  await assert.rejects(paths('./'), { code: 'FILE_UNREADABLE', message: /pipe/ });
});

test('what is not there, or matches nothing, is an error', async () => {
  await assert.rejects(paths('nothing'), { code: 'FILE_UNREADABLE' });
  await assert.rejects(paths('*.md'), { code: 'FILE_UNREADABLE' });
});
