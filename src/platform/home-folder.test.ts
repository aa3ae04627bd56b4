import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { makeHome } from './home-folder.ts';
import { kilnHome } from './home.ts';

const homeAt = (path: string) => kilnHome({ KILN_HOME: path }, 0);

test('a home is made with the folders above it, for its owner alone, as often as it is asked for', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'kiln-home-'));
  t.after(() => rmSync(root, { recursive: true }));
  const home = homeAt(join(root, 'a', 'b'));
  makeHome(home);
  makeHome(home);
  assert.equal(statSync(home.root).mode & 0o777, 0o700);
});

test('a path too long for the socket is refused and leaves nothing', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'kiln-home-'));
  t.after(() => rmSync(root, { recursive: true }));
  const isUsage = (error: unknown): boolean => error instanceof KilnError && error.code === 'USAGE';
  assert.throws(() => makeHome(homeAt(join(root, 'x'.repeat(100)))), isUsage);
  assert.deepEqual(readdirSync(root), []);
});

test('a place where no folder can be made is said, not tried for ever', () => {
  const script = `
    import { makeHome } from ${JSON.stringify(import.meta.resolve('./home-folder.ts'))};
    import { kilnHome } from ${JSON.stringify(import.meta.resolve('./home.ts'))};
    try { makeHome(kilnHome({ KILN_HOME: '/proc/nope' }, 0)); } catch (error) { console.log(error.code); }`;
  // In a process of its own: what it guards against is a call that never returns, which no timeout of a test ends.
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  assert.equal(stdout.trim(), 'ENOENT');
});
