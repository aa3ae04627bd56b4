import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isUnder, parseMountInfo } from './mounts.ts';

test('mountinfo is read with optional fields, and with spaces in paths', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue',
    '42 27 0:39 / /run/layers/ab ro - erofs /layers/a\\011b.erofs ro',
    '',
  ].join('\n');
  assert.deepEqual(parseMountInfo(text), [
    { target: '/mnt 2', type: 'ext3', source: '/dev/root', root: '/mnt1' },
    { target: '/run/layers/ab', type: 'erofs', source: '/layers/a\tb.erofs', root: '/' },
  ]);
});

test('a folder whose name only starts so is not under it', () => {
  assert.ok(isUnder('/a/b', '/a'));
  assert.ok(isUnder('/a', '/a'));
  assert.ok(!isUnder('/ab', '/a'));
});
