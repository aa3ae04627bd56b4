import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { resolveInRoot } from './rooted-path.ts';

function makeRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'kiln-rooted-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'etc'));
  mkdirSync(join(root, 'run'));
  writeFileSync(join(root, 'etc/hosts'), '');
  return root;
}

test('links are followed within the root, whatever they name', async (t) => {
  const root = makeRoot(t);
  symlinkSync('/run', join(root, 'var'));
  symlinkSync('../../../../../../etc', join(root, 'up'));
  symlinkSync('/nowhere/at/all', join(root, 'etc/dangling'));
  const cases = [
    ['/etc/hosts', '/etc/hosts', true],
    ['/var/x/y', '/run/x/y', false],
    ['/up/hosts', '/etc/hosts', true],
    ['/../../etc', '/etc', true],
    ['/etc/dangling', '/nowhere/at/all', false],
    ['/etc/./../run/../etc/hosts', '/etc/hosts', true],
    ['/', '/', true],
  ] as const;
  for (const [path, expected, there] of cases) {
    const { path: real, found } = await resolveInRoot(root, path);
    assert.equal(real, expected);
    assert.equal(found !== null, there, path);
  }
});

test('a circle of links ends', async (t) => {
  const root = makeRoot(t);
  symlinkSync('b', join(root, 'a'));
  symlinkSync('a', join(root, 'b'));
  await assert.rejects(resolveInRoot(root, '/a/x'), (error) => error instanceof KilnError && error.code === 'PATH_ESCAPES');
});
