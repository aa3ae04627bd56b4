import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { ImageTestKind } from '../../domain/image-test.ts';
import type { Ending, Inside } from '../../engines/inside.ts';
import { systemClock } from '../../platform/clock.ts';
import { requires } from '../../../test/requires.ts';
import { check } from './check.ts';

const ended = (change: Partial<Ending> = {}): Ending => ({ code: 0, signal: null, stdout: '', stderr: '', ...change });

const INSIDE: Inside = {
  ip: '127.0.0.1',
  processIds: async () => ({ uid: 1000, gid: 1000 }),
  idsOf: async (account) => (account.startsWith('app') ? { uid: 1000, gid: 1000 } : { uid: 0, gid: 0 }),
  file: async (path) => (path === '/etc/app' ? { kind: 'file', mode: 0o640, uid: 1000, gid: 1000 } : null),
  read: async () => Buffer.from('level = info\n'),
  runBeside: async () => ended({ stdout: 'v20.1.0\n' }),
};

interface Trying {
  readonly inside?: Partial<Inside>;
  readonly port?: number;
  readonly folder?: string;
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

const problem = (
  kind: ImageTestKind,
  { inside = {}, port, folder = '/', withinMs = 300, signal }: Trying = {},
): Promise<string | null> =>
  check(
    { ...kind, withinMs },
    {
      inside: { ...INSIDE, ...inside },
      port: port ?? null,
      folder,
      clock: systemClock,
      signal: signal ?? new AbortController().signal,
    },
  );

const FILE = { kind: 'file', path: '/etc/app', exists: true, mode: null, owner: null, content: null } as const;
const COMMAND = { kind: 'command', command: ['node', '-v'], exit: 0, stdout: null } as const;
const HTTP = { kind: 'http', path: '/', port: null, status: 200, body: null, headers: {} } as const;

test('a file: there or not, mode, owner, text', async () => {
  assert.equal(await problem({ ...FILE, mode: 0o640, owner: 'app:app', content: 'level = info' }), null);
  assert.equal(await problem({ ...FILE, path: '/none', exists: false }), null);
  assert.equal(await problem({ ...FILE, path: '/none' }), 'it is not there');
  assert.equal(await problem({ ...FILE, exists: false }), 'it is there');
  assert.equal(await problem({ ...FILE, mode: 0o644 }), 'its mode is 0640, not 0644');
  assert.match((await problem({ ...FILE, owner: 'root' })) ?? '', /belongs to 1000:1000, not root/);
  assert.match((await problem({ ...FILE, content: 'debug' })) ?? '', /does not hold/);
});

test('who the process runs as', async () => {
  assert.equal(await problem({ kind: 'user', user: 'app' }), null);
  assert.match((await problem({ kind: 'user', user: 'root' })) ?? '', /runs as 1000:1000, not root/);
});

test('a command: its exit code and output', async () => {
  assert.equal(await problem({ ...COMMAND, stdout: '^v20\\.' }), null);
  assert.match((await problem({ ...COMMAND, stdout: '^v18' })) ?? '', /does not match/);
  const inside = { runBeside: async () => ended({ code: 3, stderr: 'first\nno such module\n' }) };
  assert.equal(await problem(COMMAND, { inside }), 'it ended with 3, not 0: no such module');
  assert.equal(await problem({ ...COMMAND, exit: 3 }, { inside }), null);
});

test('an expression that would search for ever is stopped', async () => {
  const inside = { runBeside: async () => ended({ stdout: `${'a'.repeat(60)}!` }) };
  assert.match((await problem({ ...COMMAND, stdout: '^(a+)+$' }, { inside, withinMs: 10_000 })) ?? '', /takes too long/);
});

test('a command that never ends fails at its deadline', async () => {
  const inside = {
    runBeside: (_: readonly string[], signal: AbortSignal) =>
      new Promise<Ending>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  };
  assert.equal(await problem(COMMAND, { inside }), 'it was not over after 0.3 s');
});

async function serving(t: TestContext, status: number, body: string): Promise<number> {
  const server = createServer((_, answer) => answer.writeHead(status, { 'x-app': 'web 1' }).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('an answer over HTTP: status, header, text', async (t) => {
  const port = await serving(t, 200, 'all is well');
  assert.equal(await problem({ ...HTTP, body: 'is well', headers: { 'X-App': 'web' } }, { port }), null);
  assert.equal(await problem({ ...HTTP, status: 204 }, { port }), 'it answered 200, not 204');
  assert.match((await problem({ ...HTTP, body: 'ill' }, { port })) ?? '', /does not hold "ill"/);
  assert.match((await problem({ ...HTTP, headers: { 'x-none': '' } }, { port })) ?? '', /no header x-none/);
  assert.match((await problem(HTTP)) ?? '', /has no port/);
  assert.equal(await problem({ kind: 'port', port }), null);
});

test('what is not ready yet is tried again, until its time is up', async () => {
  let tries = 0;
  const file: Inside['file'] = async () => (++tries < 3 ? null : { kind: 'file', mode: 0o644, uid: 0, gid: 0 });
  assert.equal(await problem(FILE, { inside: { file }, withinMs: 60_000 }), null);
  assert.equal(tries, 3);
});

test('a cancelled bake ends the test with its reason', async () => {
  const cancel = new AbortController();
  const file: Inside['file'] = async () => {
    cancel.abort(new Error('gone'));
    return null;
  };
  await assert.rejects(problem(FILE, { inside: { file }, withinMs: 60_000, signal: cancel.signal }), /gone/);
});

const scripts = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-script-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'smoke.sh'), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, 'smoke.sh'), 0o755);
  return folder;
};
/** Processes whose working folder it is. */
const runningIn = (folder: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder);
    } catch {
      return false;
    }
  });

const SCRIPT = { kind: 'script', path: 'smoke.sh' } as const;
const NEEDS = requires('root', 'setpriv', 'unshare');

test('a script sees the address, and nothing of the daemon', NEEDS, async (t) => {
  process.env['KILN_SCRIPT_TEST'] = 'leaked';
  t.after(() => void delete process.env['KILN_SCRIPT_TEST']);
  const folder = scripts(t, 'test "$KILN_TEST_URL" = http://127.0.0.1:80 && test -z "$KILN_SCRIPT_TEST" || { env; exit 1; }');
  assert.equal(await problem(SCRIPT, { folder, port: 80, withinMs: 20_000 }), null);
});

test('a script that fails tells its last line; one that never ends is killed with what it started', NEEDS, async (t) => {
  const failing = scripts(t, 'echo first; echo wanted 200 >&2; exit 4');
  assert.equal(await problem(SCRIPT, { folder: failing, withinMs: 20_000 }), 'it ended with 4: wanted 200');
  const endless = scripts(t, 'sleep 1234567 & while :; do sleep 1; done');
  assert.equal(await problem(SCRIPT, { folder: endless, withinMs: 2_000 }), 'it was not over after 2 s');
  // What was killed is gone once its parent has been told: a moment after the answer.
  while (runningIn(endless).length > 0) await systemClock.sleep(10);
});

test('a script outside of the folder, or none, is not run', NEEDS, async (t) => {
  const folder = scripts(t, 'true');
  symlinkSync('/bin/true', join(folder, 'outside'));
  assert.match((await problem({ kind: 'script', path: 'outside' }, { folder })) ?? '', /not a program in the folder/);
  assert.match((await problem({ kind: 'script', path: 'none' }, { folder })) ?? '', /not a program in the folder/);
  chmodSync(join(folder, 'smoke.sh'), 0o644);
  assert.match((await problem(SCRIPT, { folder })) ?? '', /chmod/);
});
