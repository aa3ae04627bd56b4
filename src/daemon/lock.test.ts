import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { pidOf } from '../client/pulse.ts';
import { KilnError } from '../errors/error.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import { clearSocket, lockHome } from './lock.ts';

function homeOf(t: TestContext): Home {
  const root = mkdtempSync(join(tmpdir(), 'kiln-lock-'));
  t.after(() => rmSync(root, { recursive: true }));
  return kilnHome({ KILN_HOME: root }, 0);
}

const isRunning = (error: unknown): boolean => error instanceof KilnError && error.code === 'DAEMON_RUNNING';

/** A process that runs `script` with the home at hand and says `there` when it is done, then lives on. */
async function other(t: TestContext, home: Home, script: string): Promise<() => Promise<void>> {
  const text = `const home = ${JSON.stringify(home)}; ${script}; process.stdout.write('there'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

test('a home has one daemon, until that is gone, however it went', async (t) => {
  const home = homeOf(t);
  const script = `import { lockHome } from ${JSON.stringify(import.meta.resolve('./lock.ts'))}; globalThis.held = lockHome(home)`;
  const kill = await other(t, home, script);
  assert.throws(() => lockHome(home), isRunning);
  await kill();
  const lock = lockHome(home);
  assert.throws(() => lockHome(home), isRunning);
  assert.equal(pidOf(home), process.pid);
  lock.release();
  assert.equal(pidOf(home), null);
  lockHome(home).release();
});

test('a socket that somebody answers on is left alone; one that a killed daemon left is cleared', async (t) => {
  const home = homeOf(t);
  const script = `import { createServer } from 'node:net'; createServer().listen(home.socket); await new Promise(setImmediate)`;
  const kill = await other(t, home, script);
  await assert.rejects(clearSocket(home), isRunning);
  await kill();
  assert.ok(existsSync(home.socket));
  await clearSocket(home);
  const server = createServer().listen(home.socket);
  await once(server, 'listening');
  server.close();
});
