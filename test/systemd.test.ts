/** The unit that the package brings: what it starts is a daemon, and what it stops is only that. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { answers } from '../src/client/connect.ts';
import { kilnHome } from '../src/platform/home.ts';
import { poll } from '../src/platform/poll.ts';
import { requires } from './requires.ts';

const ROOT = resolve(import.meta.dirname, '..');
const UNIT = readFileSync(join(ROOT, 'systemd/kiln.service'), 'utf8');
const setting = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(UNIT)?.[1];

test('stopping the unit ends the daemon only, and a daemon that was told to end stays down', () => {
  assert.deepEqual([setting('KillMode'), setting('SendSIGKILL'), setting('Restart')], ['process', 'no', 'on-failure']);
});

test('what the unit starts is a daemon that SIGTERM ends with success', requires('root'), async (t) => {
  const [program = '', ...args] = (setting('ExecStart') ?? '').replace('/opt/kiln', ROOT).split(' ');
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-unit-')) }, 0);
  t.after(() => rmSync(home.root, { recursive: true, force: true }));
  const daemon = spawn(program, args, { env: { PATH: process.env['PATH'], KILN_HOME: home.root }, stdio: 'ignore' });
  t.after(() => daemon.kill('SIGKILL'));
  const ended = once(daemon, 'exit');
  assert.ok(await poll(() => answers(home.socket), { withinMs: 60_000, everyMs: 20 }), 'it answers on its socket');
  daemon.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
