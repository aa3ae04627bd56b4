/** How a daemon knows for how long none ran. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Clock } from '../platform/clock.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import { MemoryJournal } from '../store/memory.ts';
import { openPulse } from './pulse.ts';

const HOUR_MS = 3_600_000;

function homeOf(t: TestContext): Home {
  const root = mkdtempSync(join(tmpdir(), 'kiln-pulse-'));
  t.after(() => rmSync(root, { recursive: true }));
  return kilnHome({ KILN_HOME: root }, 0);
}

const at = (now: number): Clock => ({ now: () => now, sleep: () => new Promise(() => {}) });
const journalAt = (now: number): MemoryJournal => new MemoryJournal({ now: () => now });
const START = Date.UTC(2026, 0, 1);

test('the first daemon was never away', (t) => {
  const pulse = openPulse(homeOf(t), journalAt(START), at(START));
  pulse.stop();
  assert.equal(pulse.awayMs, 0);
});

test('an hour without a daemon is told, and no more than there was', (t) => {
  const home = homeOf(t);
  openPulse(home, journalAt(START), at(START)).stop();
  const pulse = openPulse(home, journalAt(START), at(START + HOUR_MS));
  pulse.stop();
  assert.ok(pulse.awayMs <= HOUR_MS && pulse.awayMs > HOUR_MS - 10_000);
});

test('where no file says when it was alive, the newest entry of the history does', (t) => {
  const journal = journalAt(START);
  journal.append([{ fleet: null, kind: 'note', data: null }]);
  const pulse = openPulse(homeOf(t), journal, at(START + HOUR_MS));
  pulse.stop();
  assert.ok(pulse.awayMs > HOUR_MS - 10_000);
});

test('a daemon that dies shortly after each start was never away, and a clock that went back is no time', (t) => {
  const home = homeOf(t);
  for (let life = 0; life < 10; life++) {
    const pulse = openPulse(home, journalAt(START), at(START + life * 4000));
    pulse.stop();
    assert.equal(pulse.awayMs, 0);
  }
  assert.equal(openPulse(home, journalAt(START), at(START - HOUR_MS)).awayMs, 0);
});
