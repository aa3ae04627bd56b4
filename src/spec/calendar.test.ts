import assert from 'node:assert/strict';
import { test } from 'node:test';

import { expectedCron, frozenAt, isDay, isZone } from './calendar.ts';
import { freezes } from './schema/freeze.ts';

const at = (text: string): number => Date.parse(text);
const WEEKEND = freezes.parse([{ cron: '0 16 * * FRI', for: '64h', zone: 'Europe/Berlin', why: 'weekend' }]);

test('a weekend that begins on Friday at four in Berlin lasts until Monday morning', () => {
  assert.equal(frozenAt(WEEKEND, at('2026-11-27T14:59:59Z')), null);
  assert.deepEqual(frozenAt(WEEKEND, at('2026-11-27T15:00:00Z')), { until: at('2026-11-30T07:00:00Z'), why: 'weekend' });
  assert.deepEqual(frozenAt(WEEKEND, at('2026-11-30T06:59:59Z')), { until: at('2026-11-30T07:00:00Z'), why: 'weekend' });
  assert.equal(frozenAt(WEEKEND, at('2026-11-30T07:00:00Z')), null);
});

test('in summer it begins an hour earlier by UTC', () => {
  assert.equal(frozenAt(WEEKEND, at('2026-07-03T13:59:59Z')), null);
  assert.equal(frozenAt(WEEKEND, at('2026-07-03T14:00:00Z'))?.why, 'weekend');
});

test('days are whole days of their zone, the last one included', () => {
  const holidays = freezes.parse([{ from: '2026-12-20', until: '2027-01-02', zone: 'Asia/Tokyo' }]);
  assert.equal(frozenAt(holidays, at('2026-12-19T14:59:59Z')), null);
  assert.equal(frozenAt(holidays, at('2026-12-19T15:00:00Z'))?.until, at('2027-01-02T15:00:00Z'));
  assert.equal(frozenAt(holidays, at('2027-01-02T14:59:59Z'))?.until, at('2027-01-02T15:00:00Z'));
  assert.equal(frozenAt(holidays, at('2027-01-02T15:00:00Z')), null);
  const change = freezes.parse([{ from: '2026-03-29', until: '2026-03-29', zone: 'Europe/Berlin' }]);
  assert.equal(frozenAt(change, at('2026-03-28T23:00:00Z'))?.until, at('2026-03-29T22:00:00Z'));
});

test('of several that hold the longest is told', () => {
  const both = freezes.parse([
    { from: '2026-11-01', until: '2026-11-30' },
    { from: '2026-11-28', until: '2026-11-28', why: 'sale' },
  ]);
  assert.equal(frozenAt(both, at('2026-11-28T12:00:00Z'))?.until, at('2026-12-01T00:00:00Z'));
});

test('what is no time of the calendar', () => {
  assert.equal(expectedCron('0 16 * * FRI'), null);
  for (const wrong of ['', '* * * *', '0 0 16 * * FRI', '61 * * * *', 'tomorrow'])
    assert.notEqual(expectedCron(wrong), null, wrong);
  assert.ok(isDay('2028-02-29') && !isDay('2026-02-29') && !isDay('2026-13-01') && !isDay('26-1-1'));
  assert.ok(isZone('Europe/Berlin') && !isZone('Mars/Olympus'));
  for (const wrong of [[{}], [{ cron: '0 0 * * *' }], [{ from: '2026-01-01' }], [{ from: '2026-01-02', until: '2026-01-01' }]])
    assert.equal(freezes.safeParse(wrong).success, false, JSON.stringify(wrong));
});
