import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { sha256 } from '../platform/hash.ts';
import type { LockedPackage } from './lock-content.ts';
import { formatLock, openLock, parseLock } from './lock.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kiln-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const apt: LockedPackage = {
  name: 'apt',
  version: '1:2.6.1+b1~x',
  sha256: sha256('apt').slice(7),
  path: 'pool/main/a/apt_2.6.1%2bb1.deb',
};
const lockText = (): Promise<string> => readFile(join(folder, 'kiln.lock'), 'utf8');
const never = (): Promise<never> => Promise.reject(new Error('asked though it is locked'));

test('what is locked is not asked for again', async () => {
  const first = await openLock({ folder }, false);
  await first.packages('debian', async () => [apt]);
  await first.base('node:20', async () => sha256('node'));
  const second = await openLock({ folder }, false);
  assert.deepEqual(await second.packages('debian', never), [apt]);
  assert.equal(await second.base('node:20', never), sha256('node'));
});

test('one that is no file is said', async () => {
  await mkdir(join(folder, 'kiln.lock'));
  await assert.rejects(openLock({ folder }, false), { code: 'FILE_UNREADABLE', message: /kiln\.lock/ });
});

test('it is written as soon as something is known, so that a bake that fails later resumes with it', async () => {
  const lock = await openLock({ folder }, false);
  await lock.packages('debian', async () => [apt]);
  assert.match(await lockText(), /apt 1:2\.6\.1\+b1~x/);
});

test('an update asks anew, and moves the lock only when it is finished', async () => {
  const old = await openLock({ folder }, false);
  await old.base('node:20', async () => sha256('old'));
  const update = await openLock({ folder }, true);
  assert.equal(await update.base('node:20', async () => sha256('new')), sha256('new'));
  assert.match(await lockText(), new RegExp(sha256('old')));
  await update.finish();
  assert.match(await lockText(), new RegExp(sha256('new')));
});

test('what a whole bake did not use is dropped; the same again writes nothing', async () => {
  const first = await openLock({ folder }, false);
  await first.base('a', async () => sha256('a'));
  await first.base('b', async () => sha256('b'));
  const second = await openLock({ folder }, false);
  await second.base('b', never);
  await second.finish();
  assert.deepEqual(Object.keys(parseLock(await lockText(), '').bases), ['b']);
});

test('two who ask at once share the answer', async () => {
  const lock = await openLock({ folder }, false);
  let asked = 0;
  const resolve = async (): Promise<readonly LockedPackage[]> => [{ ...apt, name: `apt${++asked}` }];
  const [one, two] = await Promise.all([lock.packages('debian', resolve), lock.packages('debian', resolve)]);
  assert.deepEqual(one, two);
});

test('a recipe that locks nothing gets no file', async () => {
  await (await openLock({ folder }, false)).finish();
  await assert.rejects(lockText(), { code: 'ENOENT' });
});

const hostile: Readonly<Record<string, string>> = {
  'not YAML': '{',
  'another format': 'lock: 2\n',
  'no map': 'hello\n',
  'a digest that is none': 'lock: 1\nbases: { a: sha256:12 }\n',
  'a path that leads out': formatLock({ bases: {}, packages: { x: [{ ...apt, path: '../../etc/x.deb' }] } }),
  'an option as a name': formatLock({ bases: {}, packages: { x: [{ ...apt, name: '-oX=y' }] } }),
  'an address as a path': formatLock({ bases: {}, packages: { x: [{ ...apt, path: 'http://evil/x.deb' }] } }),
};
for (const [what, text] of Object.entries(hostile)) {
  test(`a damaged or hostile lock is refused: ${what}`, async () => {
    await writeFile(join(folder, 'kiln.lock'), text);
    await assert.rejects(openLock({ folder }, false), { code: 'CONFIG_INVALID', message: /kiln\.lock/ });
  });
}
