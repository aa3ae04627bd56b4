import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { kilnHome, type Home } from '../../platform/home.ts';
import { rotateIfGrown } from './log-files.ts';
import type { LogLine } from './log-lines.ts';
import { dropOldLogs, instanceLogs } from './logs.ts';
import { placesOf } from './places.ts';
import { FLEET, instance } from './testing/host-fixture.ts';

const A = instance('aaaaaa');
const entry = (text: string): string => `2026-11-21T06:06:51.425411510+00:00 stdout F ${text}\n`;

interface Place {
  readonly home: Home;
  readonly log: string;
  readonly folder: string;
  readonly write: (...texts: readonly string[]) => void;
  readonly rotate: (keepFiles: number) => Promise<void>;
}

/** An instance that is there, and writes to its log. */
function place(t: TestContext): Place {
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-logs-')) }, 0);
  t.after(() => rmSync(home.root, { recursive: true }));
  const places = placesOf(home);
  const [log, folder] = [places.log(A), places.instance(A)];
  mkdirSync(join(log, '..'), { recursive: true });
  mkdirSync(folder, { recursive: true });
  return {
    home,
    log,
    folder,
    write: (...texts) => appendFileSync(log, texts.map(entry).join('')),
    rotate: (keepFiles) => rotateIfGrown(log, folder, 1, keepFiles),
  };
}

async function texts(lines: AsyncIterable<LogLine>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const { text } of lines) all.push(text);
  return all;
}

const query = (lines: number, follow = false): { lines: number; follow: boolean; signal: AbortSignal } => ({
  lines,
  follow,
  signal: new AbortController().signal,
});

test('the last lines are read over rotated files, in order', async (t) => {
  const { home, write, rotate } = place(t);
  for (const text of ['1', '2', '3']) {
    write(text, `${text}b`);
    await rotate(5);
  }
  write('4');
  const logs = instanceLogs(home);
  assert.deepEqual(await texts(logs.read(A, query(100))), ['1', '1b', '2', '2b', '3', '3b', '4']);
  assert.deepEqual(await texts(logs.read(A, query(2))), ['3b', '4']);
  assert.deepEqual(await texts(logs.read(A, query(0))), []);
});

test('no more files are kept than asked for', async (t) => {
  const { log, write, rotate } = place(t);
  for (let count = 0; count < 6; count++) {
    write(String(count));
    await rotate(3);
  }
  write('last');
  assert.deepEqual(readdirSync(join(log, '..')).toSorted(), [`${A}.log`, `${A}.log.1`, `${A}.log.2`]);
});

test('following goes on over rotations without losing or repeating a line, and ends with the instance', async (t) => {
  const { home, folder, write, rotate } = place(t);
  write('before');
  const expected = ['before'];
  const seen: string[] = [];
  const following = (async () => {
    for await (const { text } of instanceLogs(home).read(A, query(10, true))) seen.push(text);
  })();
  for (let count = 0; count < 30; count++) {
    write(String(count));
    expected.push(String(count));
    if (count % 7 === 3) await rotate(20);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  rmSync(folder, { recursive: true });
  await following;
  assert.deepEqual(seen, expected);
});

test('following ends when nobody listens any more', async (t) => {
  const { home, write } = place(t);
  write('one');
  const stop = new AbortController();
  for await (const { text } of instanceLogs(home).read(A, { lines: 10, follow: true, signal: stop.signal })) {
    assert.equal(text, 'one');
    stop.abort();
  }
});

test('an instance that nobody knows has no lines', async (t) => {
  const { home } = place(t);
  assert.deepEqual(await texts(instanceLogs(home).read(instance('zzzzzz'), query(10))), []);
});

test('logs of gone instances are kept, but not of all that ever were', async (t) => {
  const { home, write, log } = place(t);
  write('running');
  for (let count = 0; count < 120; count++) {
    const path = placesOf(home).log(instance(`gon${String(count).padStart(3, '0')}`));
    writeFileSync(path, entry('x'));
    utimesSync(path, 1000 + count, 1000 + count);
  }
  utimesSync(log, 1, 1);
  await dropOldLogs(home, A);
  const left = await instanceLogs(home).instances(FLEET);
  assert.equal(left.length, 101);
  assert.ok(left.includes(A), 'the oldest of all, but its instance is there');
  assert.ok(!left.includes(instance('gon019')) && left.includes(instance('gon020')), 'the newest stay');
});
