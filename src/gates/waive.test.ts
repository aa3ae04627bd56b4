import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { WaiverLine } from '../domain/waiver.ts';
import { systemClock } from '../platform/clock.ts';
import { findingOf } from './finding.ts';
import { runGates } from './run.ts';
import { subjectOf } from './testing/subject.ts';

const line = (change: Partial<WaiverLine> = {}): WaiverLine => ({
  finding: 'setuid-file',
  path: null,
  reason: 'reviewed by ada',
  until: '2026-11-30',
  line: 1,
  ...change,
});

const NOON = Date.parse('2026-11-30T12:00:00Z');

async function judged(waivers: readonly WaiverLine[], now = NOON) {
  const subject = subjectOf({ waivers, now });
  const found = { gate: 'lint', rule: 'setuid-file', severity: 'high', what: 'it is setuid', fix: 'mend it' } as const;
  const finding = findingOf({ ...found, where: { path: '/opt/bin/x', layer: null } }, ['/opt/bin/x'], subject.policy);
  const gate = { name: 'lint', run: async () => ({ findings: [finding], why: '', predicates: [] }) } as const;
  const { verdict, reports } = await runGates([gate], subject, { clock: systemClock, onEvent: () => {} });
  return { verdict, finding, findings: reports[0]?.findings ?? [] };
}

test('a waiver names a finding, or a rule with or without a path', async () => {
  assert.equal((await judged([])).verdict, 'fail');
  const { fingerprint } = (await judged([])).finding;
  for (const good of [line(), line({ finding: fingerprint }), line({ path: 'opt/**' }), line({ path: '/opt/bin/x' })]) {
    const { verdict, findings } = await judged([good]);
    assert.deepEqual(
      [verdict, findings[0]?.waiver?.reason, findings.length],
      ['pass', 'reviewed by ada', 1],
      JSON.stringify(good),
    );
  }
  for (const other of [line({ finding: 'root-user' }), line({ finding: '0123456789abcdef' }), line({ path: 'usr/**' })]) {
    assert.equal((await judged([other])).verdict, 'fail', JSON.stringify(other));
  }
});

test('a waiver holds to the end of its day; then the finding fails, and says whose waiver ended', async () => {
  assert.equal((await judged([line()], Date.parse('2026-11-30T23:59:59Z'))).verdict, 'pass');
  const { verdict, findings } = await judged([line()], Date.parse('2026-12-01T00:00:00Z'));
  assert.equal(verdict, 'fail');
  assert.match(findings[0]?.what ?? '', /its waiver, "reviewed by ada", ended on 2026-11-30/);
  assert.equal((await judged([line(), line({ until: '2027-01-01' })], Date.parse('2026-12-01T00:00:00Z'))).verdict, 'pass');
});

test('a waiver that fits nothing is a note', async () => {
  const { findings } = await judged([line(), line({ finding: 'root-user', line: 7 })]);
  const [, unused] = findings;
  assert.deepEqual([unused?.rule, unused?.blocks, unused?.where.line], ['unused-waiver', false, 7]);
});
