import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { run } from '../platform/exec.ts';
import { loadSpec } from './load.ts';

const RECIPE = 'service: web\nimage: { from: scratch }\n';

/** A folder with these files, gone after the test. */
function folder(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'kiln-spec-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

async function failure(path: string): Promise<KilnError> {
  try {
    await loadSpec(path);
  } catch (error) {
    assert.ok(error instanceof KilnError, String(error));
    return error;
  }
  throw new Error('nothing was thrown');
}

const withFile = (from: string): string => `${RECIPE}run:\n  files:\n    /etc/a: { from: "${from}", mode: 0400 }\n`;

test('launch files are read from the folder', async (t) => {
  const path = folder(t, { 'kiln.yaml': withFile('conf/a.txt') });
  mkdirSync(join(path, 'conf'));
  writeFileSync(join(path, 'conf/a.txt'), 'héllo\n');
  assert.deepEqual((await loadSpec(path)).run.files, { '/etc/a': { content: 'héllo\n', mode: 0o400 } });
});

test('a link within the folder is followed, one out of it is not', async (t) => {
  const outside = folder(t, { secret: 'x' });
  const path = folder(t, { 'kiln.yaml': withFile('link'), 'a.txt': 'a' });
  symlinkSync('a.txt', join(path, 'link'));
  assert.deepEqual((await loadSpec(path)).run.files['/etc/a'], { content: 'a', mode: 0o400 });
  rmSync(join(path, 'link'));
  symlinkSync(join(outside, 'secret'), join(path, 'link'));
  const { code, message, at } = await failure(path);
  const file = join(path, 'kiln.yaml');
  assert.deepEqual(
    [code, message],
    ['PATH_ESCAPES', `${file}:5:21: run.files["/etc/a"].from: link: leads out of the folder of kiln.yaml`],
  );
  assert.deepEqual(at, { file, line: 5, column: 21 });
});

for (const from of ['../kiln.yaml', '/etc/hostname', 'a/../../b']) {
  test(`"${from}" leads out of the folder`, async (t) => {
    assert.equal((await failure(folder(t, { 'kiln.yaml': withFile(from) }))).code, 'PATH_ESCAPES');
  });
}

test('launch files that cannot be read say why', async (t) => {
  const path = folder(t, { 'kiln.yaml': '', binary: new Uint8Array([0xff, 0xfe, 0]), large: 'x'.repeat((1 << 20) + 1) });
  mkdirSync(join(path, 'inner'));
  symlinkSync('circle', join(path, 'circle'));
  await run('mkfifo', [join(path, 'fifo')]);
  const reasons = {
    absent: 'there is no such file',
    'large/x': 'there is no such file',
    inner: 'it is not a file',
    fifo: 'it is not a file',
    circle: 'its links go in circles',
    binary: 'it is not text in UTF-8',
    large: 'it is larger than 1 MiB',
  };
  for (const [from, reason] of Object.entries(reasons)) {
    writeFileSync(join(path, 'kiln.yaml'), withFile(from));
    const { code, message } = await failure(path);
    assert.equal(code, 'FILE_UNREADABLE', from);
    assert.ok(message.endsWith(`: ${from}: ${reason}`), message);
  }
});

test('no kiln.yaml, and no folder', async (t) => {
  const path = folder(t, {});
  const { code, message } = await failure(path);
  assert.deepEqual([code, message], ['CONFIG_NOT_FOUND', `there is no kiln.yaml in ${path}`]);
  assert.equal((await failure(join(path, 'absent'))).code, 'CONFIG_NOT_FOUND');
});

test('a kiln.yaml that is no text file', async (t) => {
  assert.equal((await failure(folder(t, { 'kiln.yaml': new Uint8Array([0xc3, 0x28]) }))).code, 'FILE_UNREADABLE');
  const path = folder(t, {});
  mkdirSync(join(path, 'kiln.yaml'));
  assert.match((await failure(path)).message, /kiln\.yaml can't be read: it is not a file$/);
});

test('errors name the file by its path', async (t) => {
  const path = folder(t, { 'kiln.yaml': 'service: [' });
  const { code, at } = await failure(path);
  assert.deepEqual([code, at?.file], ['CONFIG_SYNTAX', join(path, 'kiln.yaml')]);
});
