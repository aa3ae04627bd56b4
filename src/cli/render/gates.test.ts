import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GateReportBody } from '../../client/client.ts';
import { widthOf } from '../terminal.ts';
import { fakeTerminal } from '../testing/fakes.ts';
import { gateLines } from './gates.ts';

const finding: GateReportBody['findings'][number] = {
  gate: 'lint',
  rule: 'secret-file',
  severity: 'high',
  what: `/app/\u001b[31m.env is a file that holds secrets: ${'who has the image has the secret '.repeat(4)}`,
  where: { path: '/app/\u001b[31m.env\n', layer: null, line: 3 },
  fix: 'keep it out',
  fingerprint: '0123456789abcdef',
  blocks: true,
  waiver: null,
};
const report = (findings: GateReportBody['findings'], change: Partial<GateReportBody> = {}): GateReportBody => ({
  gate: 'lint',
  verdict: 'fail',
  why: '22 rules, 1 broken',
  ms: 1,
  findings,
  predicates: [],
  ...change,
});

test('what blocks is told with its place, fix and name, within 80 columns, and cannot drive the terminal', () => {
  const lines = gateLines([report([finding])], fakeTerminal());
  assert.deepEqual(lines.slice(0, 2), ['gate lint failed   22 rules, 1 broken', '  ✗ high secret-file at /app/.env :3']);
  assert.deepEqual(lines.slice(-2), ['      fix: keep it out', '      finding 0123456789abcdef']);
  assert.ok(
    lines.every((line) => widthOf(line) <= 80 && !line.includes('\u001b')),
    lines.join('\n'),
  );
});

test('what is below the threshold is a line each, whatever the verdict; what was waived is not told again', () => {
  const below = { ...finding, severity: 'low', blocks: false, rule: 'logs-in-image', what: 'x '.repeat(60) } as const;
  const waived = { ...below, rule: 'waived', waiver: { reason: 'a demo', until: '2027-01-31' } };
  const passed = report([waived, ...Array.from({ length: 7 }, () => below)], { verdict: 'pass' });
  const lines = gateLines([passed, report([], { verdict: 'pass' })], fakeTerminal());
  assert.equal(lines[0], 'gate lint passed   22 rules, 1 broken');
  assert.match(lines[1] ?? '', /^ {2}· low logs-in-image at \/app\/.env :3: x x x .*…$/);
  assert.equal(lines.length, 7);
  assert.equal(lines[6], '  and 2 more; `kiln image IMAGE` lists all');
  assert.ok(lines.every((line) => widthOf(line) <= 80));
});

test('of an image, all gates with all that they found, waivers included; a long list is cut', () => {
  const waived = { ...finding, blocks: false, waiver: { reason: 'a demo', until: '2027-01-31' } };
  const text = gateLines([report([waived], { verdict: 'pass' })], fakeTerminal(), 'all').join('\n');
  assert.match(text, /gate lint passed[^]*waived until 2027-01-31: a demo/);
  const many = gateLines([report(Array.from({ length: 25 }, () => finding))], fakeTerminal());
  assert.match(many.at(-1) ?? '', /and 5 more; --json lists all/);
});
