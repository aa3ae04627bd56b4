import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readWaivers } from './waivers.ts';

test('waivers are read with their lines', () => {
  const text =
    '# why\n- { finding: root-user, reason: it binds a raw socket, until: 2027-01-31 }\n- finding: 0123456789abcdef\n  path: usr/**\n  reason: reviewed\n  until: "2027-02-28"\n';
  assert.deepEqual(readWaivers(text, 'w.yaml'), [
    { finding: 'root-user', path: null, reason: 'it binds a raw socket', until: '2027-01-31', line: 2 },
    { finding: '0123456789abcdef', path: 'usr/**', reason: 'reviewed', until: '2027-02-28', line: 3 },
  ]);
  assert.deepEqual(readWaivers('', 'w.yaml'), []);
});

test('what is no waiver is an error with its line', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['finding: x', /w\.yaml:1:1: expected a list/],
    ['- x', /:1:\d+: expected a map/],
    ['- { finding: x, until: 2027-01-31 }', /reason: expected why/],
    ['- { finding: x, reason: y }', /until: expected the last day/],
    ['- { finding: x, reason: y, until: 2027-02-30 }', /until: expected the last day/],
    ['- { finding: x, reason: y, until: 2027-01-31, for: z }', /unknown key/],
    ['- { finding: "x y", reason: y, until: 2027-01-31 }', /fingerprint or a rule/],
  ];
  for (const [text, message] of cases)
    assert.throws(() => readWaivers(text, 'w.yaml'), { code: 'CONFIG_INVALID', message }, text);
  assert.throws(() => readWaivers('- {', 'w.yaml'), { code: 'CONFIG_SYNTAX' });
});
