import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetId } from '../domain/ids.ts';
import { MemoryJournal } from './memory.ts';

const [WEB, API] = ['web.local' as FleetId, 'api.local' as FleetId];
const entry = (fleet: FleetId | null, kind: string) => ({ fleet, kind, data: { kind } });
const kinds = (entries: Iterable<{ readonly kind: string }>): readonly string[] => [...entries].map(({ kind }) => kind);

function journalOf(...names: readonly string[]): MemoryJournal {
  const journal = new MemoryJournal({ now: () => 5 });
  for (const [index, name] of names.entries()) journal.append([entry(index % 2 === 0 ? WEB : API, name)]);
  return journal;
}

test('entries are numbered and chained, and read back in order', () => {
  const journal = journalOf('a', 'b', 'c', 'd');
  const entries = [...journal.read()];
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  assert.equal(entries[1]?.prev, entries[0]?.hash);
  assert.equal(journal.verify(), null);
});

test('reading keeps to a fleet, a place and a number', () => {
  const journal = journalOf('a', 'b', 'c', 'd', 'e');
  assert.deepEqual(kinds(journal.read({ fleet: WEB })), ['a', 'c', 'e']);
  assert.deepEqual(kinds(journal.read({ fleet: WEB, after: 1, limit: 1 })), ['c']);
  assert.deepEqual(kinds(journal.read({ fleet: WEB, kinds: new Set(['b', 'c', 'e']) })), ['c', 'e']);
  assert.deepEqual(kinds(journal.read({ kinds: new Set(['b', 'c', 'e']), limit: 2 })), ['b', 'c']);
  assert.deepEqual(kinds(journal.newest({ limit: 2 })), ['e', 'd']);
  assert.deepEqual(kinds(journal.newest({ fleet: API })), ['d', 'b']);
});

test('a changed entry breaks the chain there', () => {
  const entries = journalOf('a', 'b', 'c').snapshot();
  const forged = entries.map((each) => (each.seq === 2 ? { ...each, kind: 'x' } : each));
  assert.equal(new MemoryJournal({ now: () => 5, entries: forged }).verify()?.seq, 2);
  const removed = entries.filter(({ seq }) => seq !== 2);
  assert.equal(new MemoryJournal({ now: () => 5, entries: removed }).verify()?.seq, 2);
});

test('a journal goes on from a snapshot, and the snapshot does not see it', () => {
  const snapshot = journalOf('a', 'b').snapshot();
  const journal = new MemoryJournal({ now: () => 6, entries: snapshot });
  journal.append([entry(null, 'c')]);
  assert.equal(journal.verify(), null);
  assert.deepEqual(kinds(journal.read()), ['a', 'b', 'c']);
  assert.equal(snapshot.length, 2);
});

test('followers hear each append once, until they stop', () => {
  const journal = journalOf();
  const heard: string[] = [];
  const stop = journal.follow((entries) => heard.push(...kinds(entries)));
  journal.append([entry(WEB, 'a'), entry(WEB, 'b')]);
  stop();
  journal.append([entry(WEB, 'c')]);
  assert.deepEqual(heard, ['a', 'b']);
});
