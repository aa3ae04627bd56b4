import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nearest } from './nearest.ts';

const KEYS = ['from', 'packages', 'files', 'stop-signal', 'min-healthy', 'env'];

test('the word that was probably meant', () => {
  const meant = {
    form: 'from',
    package: 'packages',
    Files: 'files',
    stopSignal: 'stop-signal',
    min_healthy: 'min-healthy',
    evn: 'env',
  };
  for (const [word, candidate] of Object.entries(meant)) assert.equal(nearest(word, KEYS), candidate, word);
});

test('no guess where none is near', () => {
  for (const word of ['', 'x', 'banana', '---', 'x'.repeat(100_000)]) assert.equal(nearest(word, KEYS), null, word.slice(0, 20));
});

test('of two that are near, the nearer', () => {
  assert.equal(nearest('staging-bx', ['staging', 'staging-a', 'staging-bc']), 'staging-bc');
  assert.equal(nearest('stagin', ['staging-a', 'staging']), 'staging');
});
