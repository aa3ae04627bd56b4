/** What a caller is told of a daemon that does not start, or takes its time: the real start, with something loaded before it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { isAlive } from '../platform/alive.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import { poll } from '../platform/poll.ts';
import { connect } from './connect.ts';
import { lastWords } from './last-words.ts';

/** A home, and the environment of a daemon in which `script` runs first. */
function prepared(t: TestContext, script: string): { readonly home: Home; readonly env: NodeJS.ProcessEnv } {
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-connect-')) }, 0);
  t.after(() => rmSync(home.root, { recursive: true, force: true }));
  const file = join(home.root, 'first.mjs');
  writeFileSync(file, script);
  return { home, env: { ...process.env, NODE_OPTIONS: `--import ${file}` } };
}

const HANGS = (pidFile: string): string => `
  import { writeFileSync } from 'node:fs';
  writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));
  process.on('SIGTERM', () => process.exit(0));
  await new Promise((resolve) => setTimeout(resolve, 600_000));`;

test('a daemon that crashes at its start is told with what it said last, and not with its log', async (t) => {
  const { home, env } = prepared(t, 'throw new TypeError("no such moon")');
  await assert.rejects(connect(home, { start: true, env }), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /^the daemon ended before it was ready: TypeError: no such moon/);
    return true;
  });
});

test('a daemon that is still starting is not said to have ended, and is left to go on', async (t) => {
  const { home, env } = prepared(t, '');
  writeFileSync(join(home.root, 'first.mjs'), HANGS(home.pidFile));
  const slow: (number | null)[] = [];
  const waiting = connect(home, {
    start: true,
    env,
    patience: { slowMs: 300, startMs: 2_000 },
    onSlowStart: (pid) => slow.push(pid),
  });
  await assert.rejects(waiting, {
    code: 'DAEMON_UNREACHABLE',
    message: /^the daemon \(process \d+\) is still starting after 2 s/,
  });
  const pid = slow[0];
  assert.ok(typeof pid === 'number' && isAlive(pid), String(pid));
  process.kill(pid, 'SIGTERM');
  await poll(() => !isAlive(pid), { withinMs: 5_000, everyMs: 10 });
});

test('Ctrl-C ends the wait for a daemon', async (t) => {
  const { home, env } = prepared(t, '');
  writeFileSync(join(home.root, 'first.mjs'), HANGS(home.pidFile));
  const stop = new AbortController();
  const waiting = connect(home, {
    start: true,
    env,
    signal: stop.signal,
    patience: { slowMs: 300, startMs: 60_000 },
    onSlowStart: (pid) => {
      stop.abort(new Error('interrupted'));
      if (pid !== null) process.kill(pid, 'SIGTERM');
    },
  });
  await assert.rejects(waiting, { message: 'interrupted' });
});

test("the last words of a log are its last complaint, or Node's own error, never JSON", () => {
  const line = (level: number, msg: string, err?: object): string => JSON.stringify({ level, time: 1, pid: 2, err, msg });
  const complaint = `${line(30, 'ready')}\n${line(60, 'the disk is gone', { message: 'EIO' })}\n${line(30, 'stopping')}\n`;
  assert.deepEqual(lastWords(complaint), ['the disk is gone: EIO']);
  assert.deepEqual(lastWords(`${line(30, 'ready')}\nfile:///a.ts:1\nthrow x\n^\n\nRangeError: far\n    at a\n`).slice(0, 1), [
    'RangeError: far',
  ]);
  assert.deepEqual(lastWords(line(30, 'ready')), []);
});
