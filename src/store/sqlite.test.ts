import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import { run } from '../platform/exec.ts';
import { openJournal } from './sqlite.ts';
import { verifyBeside } from './verification.ts';

const WEB = 'web.local' as FleetId;
const API = 'api.local' as FleetId;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kiln-store-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const note = (fleet: FleetId | null, number: number) => ({ fleet, kind: 'note', data: { number, text: 'ä' } });
const seqs = (entries: Iterable<{ seq: number }>): number[] => [...entries].map(({ seq }) => seq);
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof KilnError && error.code === code && error.hint !== '';
}

function filled(t: TestContext, count: number): string {
  const file = join(folder(t), 'kiln.db');
  const journal = openJournal(file, systemClock);
  journal.append(numbers(1, count).map((number) => note(number % 2 === 0 ? WEB : API, number)));
  journal.close();
  return file;
}

/** What a person with the file and SQLite could do. */
function tamper(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(`DROP TRIGGER entries_are_kept; DROP TRIGGER entries_are_fixed; ${sql}`);
  db.close();
}

test('what was appended is there, in order, after the file is opened again', (t) => {
  const file = filled(t, 1200);
  const journal = openJournal(file, systemClock);
  t.after(() => journal.close());
  const entries = [...journal.read()];
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    numbers(1, 1200),
  );
  assert.equal(journal.verify(), null);
  const [added] = journal.append([note(null, 1201)]);
  assert.equal(added?.seq, 1201);
  assert.equal(added?.prev, entries.at(-1)?.hash);
});

test('reading by kind passes over the others, over however many pages', (t) => {
  const journal = openJournal(filled(t, 1200), systemClock);
  t.after(() => journal.close());
  journal.append(['mark', 'note', 'mark', 'end'].map((kind) => ({ ...note(WEB, 0), kind })));
  assert.deepEqual(seqs(journal.read({ kinds: new Set(['mark', 'end']) })), [1201, 1203, 1204]);
  assert.deepEqual(seqs(journal.read({ kinds: new Set(['mark', 'end']), after: 1201, limit: 1 })), [1203]);
  assert.equal(seqs(journal.read({ kinds: new Set(['note']) })).length, 1201);
});

test('reading is by fleet, after a place, and limited', (t) => {
  const journal = openJournal(filled(t, 10), systemClock);
  t.after(() => journal.close());
  assert.deepEqual(seqs(journal.read({ fleet: WEB })), [2, 4, 6, 8, 10]);
  assert.deepEqual(seqs(journal.read({ fleet: WEB, after: 4, limit: 2 })), [6, 8]);
  assert.deepEqual(seqs(journal.read({ limit: 0 })), []);
  assert.deepEqual(seqs(journal.newest({ limit: 3 })), [10, 9, 8]);
  assert.deepEqual(seqs(journal.newest({ fleet: API, limit: 2 })), [9, 7]);
});

test('a reader that appends while it reads sees each entry once', (t) => {
  const journal = openJournal(filled(t, 600), systemClock);
  t.after(() => journal.close());
  const seen: number[] = [];
  for (const { seq } of journal.read({ limit: 1000 })) {
    seen.push(seq);
    if (seq <= 600) journal.append([note(WEB, seq)]);
  }
  assert.deepEqual(seen, numbers(1, 1000));
});

test('followers are told of each append until they stop', (t) => {
  const journal = openJournal(join(folder(t), 'kiln.db'), systemClock);
  t.after(() => journal.close());
  const told: number[] = [];
  const stop = journal.follow((entries) => told.push(...entries.map(({ seq }) => seq)));
  journal.append([note(WEB, 1), note(API, 2)]);
  stop();
  journal.append([note(WEB, 3)]);
  assert.deepEqual(told, [1, 2]);
});

test('an append is all or nothing', (t) => {
  const journal = openJournal(join(folder(t), 'kiln.db'), systemClock);
  t.after(() => journal.close());
  const broken = { fleet: WEB, kind: null as unknown as string, data: {} };
  assert.throws(() => journal.append([note(WEB, 1), broken]));
  assert.deepEqual([...journal.read()], []);
  assert.equal(journal.append([note(WEB, 1)])[0]?.seq, 1);
});

const CHANGES: readonly (readonly [what: string, sql: string, seq: number])[] = [
  ['a changed entry', `UPDATE entries SET data = '{"number":4,"text":"b"}' WHERE seq = 4`, 4],
  ['data that is no JSON any more', `UPDATE entries SET data = '{"number' WHERE seq = 4`, 4],
  ['a changed time', 'UPDATE entries SET at = at + 1 WHERE seq = 4', 4],
  ['a changed hash', `UPDATE entries SET hash = 'sha256:${'1'.repeat(64)}' WHERE seq = 4`, 4],
  ['a removed entry', 'DELETE FROM entries WHERE seq = 4', 4],
  ['removed first entries', 'DELETE FROM entries WHERE seq < 3', 1],
  ['removed last entries', 'DELETE FROM entries WHERE seq > 7', 8],
  ['all removed', 'DELETE FROM entries', 1],
];
for (const [what, sql, seq] of CHANGES) {
  test(`verify finds ${what}`, (t) => {
    const file = filled(t, 10);
    tamper(file, sql);
    const journal = openJournal(file, systemClock);
    t.after(() => journal.close());
    assert.equal(journal.verify()?.seq, seq);
  });
}

test('the check beside the daemon finds the same, while the journal is open and written to', async (t) => {
  const file = filled(t, 10);
  const journal = openJournal(file, systemClock);
  t.after(() => journal.close());
  journal.append([note(WEB, 11)]);
  assert.equal(await verifyBeside(file), null);
  tamper(file, 'DELETE FROM entries WHERE seq = 4');
  assert.equal((await verifyBeside(file))?.seq, 4);
  await assert.rejects(verifyBeside('/nonexistent/kiln.db'), withCode('STORE_UNREADABLE'));
});

test('Kiln itself cannot change or remove an entry', (t) => {
  const db = new DatabaseSync(filled(t, 3));
  t.after(() => db.close());
  assert.throws(() => db.exec('DELETE FROM entries'), /append-only/);
  assert.throws(() => db.exec("UPDATE entries SET kind = 'x'"), /append-only/);
});

test('only the owner can read the database', (t) => {
  const file = join(folder(t), 'kiln.db');
  const journal = openJournal(file, systemClock);
  t.after(() => journal.close());
  journal.append([note(WEB, 1)]);
  for (const path of [file, `${file}-wal`, `${file}-shm`]) assert.equal(statSync(path).mode & 0o777, 0o600, path);
});

test('a damaged database, one of a newer Kiln and a folder in its place are refused with a hint', (t) => {
  const path = folder(t);
  const garbage = join(path, 'garbage.db');
  writeFileSync(garbage, 'this is not a database, however long one looks at it'.repeat(100));
  assert.throws(() => openJournal(garbage, systemClock), withCode('STORE_UNREADABLE'));

  const newer = join(path, 'newer.db');
  const db = new DatabaseSync(newer);
  db.exec('PRAGMA user_version = 99');
  db.close();
  assert.throws(() => openJournal(newer, systemClock), withCode('STORE_UNREADABLE'));
  assert.throws(() => openJournal(path, systemClock), withCode('STORE_UNREADABLE'));
});

test('a database that lost its second half is refused, at the latest when the lost part is read', (t) => {
  const file = filled(t, 2000);
  truncateSync(file, Math.floor(statSync(file).size / 2));
  assert.throws(() => {
    const journal = openJournal(file, systemClock);
    t.after(() => journal.close());
    journal.verify();
  }, withCode('STORE_UNREADABLE'));
});

test('kill -9 in the middle of appends loses nothing that was acknowledged and leaves no part of an append', async (t) => {
  const file = join(folder(t), 'kiln.db');
  const script = `
    import { openJournal } from ${JSON.stringify(import.meta.resolve('./sqlite.ts'))};
    const journal = openJournal(${JSON.stringify(file)}, { now: () => 1 });
    for (;;) {
      const made = journal.append([1, 2, 3].map((number) => ({ fleet: null, kind: 'note', data: { number } })));
      process.stdout.write(made.at(-1).seq + '\\n');
    }`;
  for (let round = 1; round <= 5; round += 1) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    const enough = 50 + 37 * round;
    for await (const chunk of writer.stdout) {
      said += String(chunk);
      if (said.split('\n').length > enough && writer.exitCode === null) writer.kill('SIGKILL');
    }
    if (writer.signalCode === null) await once(writer, 'exit');
    const acknowledged = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
    const journal = openJournal(file, systemClock);
    const count = [...journal.read()].length;
    assert.equal(journal.verify(), null);
    journal.close();
    assert.ok(count >= acknowledged, `${count} of ${acknowledged} acknowledged entries`);
    assert.equal(count % 3, 0);
  }
});

test(
  'a full disk is DISK_FULL, and the journal is whole and goes on once there is room',
  requires('root', 'mount'),
  async (t) => {
    const path = mkdtempSync(join(tmpdir(), 'kiln-store-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'kiln-test', path]);
    const journal = openJournal(join(path, 'kiln.db'), systemClock);
    t.after(async () => {
      journal.close();
      await run('umount', [path]);
      rmSync(path, { recursive: true });
    });
    const big = { fleet: WEB, kind: 'note', data: 'x'.repeat(20_000) };
    let appended = 0;
    const fill = (): void => {
      for (;;) {
        journal.append([big]);
        appended += 1;
      }
    };
    assert.throws(fill, withCode('DISK_FULL'));
    assert.ok(appended > 3);
    assert.equal([...journal.read()].length, appended);
    assert.equal(journal.verify(), null);
    await run('mount', ['-o', 'remount,size=8m', path]);
    journal.append([big]);
    assert.equal(journal.verify(), null);
  },
);
