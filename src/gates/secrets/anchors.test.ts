import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { anchorsOf } from './anchors.ts';

test('what is found is what is there', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-'), minLength: 1, maxLength: 5 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', ' '), maxLength: 60 });
  fc.assert(
    fc.property(fc.uniqueArray(word, { minLength: 1, maxLength: 12 }), text, (words, here) => {
      const there = words.filter((each) => here.includes(each));
      assert.deepEqual([...anchorsOf(words).in(Buffer.from(here))].toSorted(), there.toSorted());
    }),
    { numRuns: 500 },
  );
});

test('a word within another and at the end of a longer one is found, and bytes of no word are none', () => {
  const anchors = anchorsOf(['she', 'he', 'hers', 'his']);
  assert.deepEqual([...anchors.in(Buffer.from('ushers'))].toSorted(), ['he', 'hers', 'she']);
  assert.deepEqual([...anchors.in(Buffer.from([0, 255, 104, 0, 101]))], []);
});
