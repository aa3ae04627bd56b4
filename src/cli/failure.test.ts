import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { asKilnError, failureDocument, failureLines } from './failure.ts';
import { fakeTerminal } from './testing/fakes.ts';

const terminal = fakeTerminal();
const at = { file: 'kiln.yaml', line: 12, column: 3 };

test('an error is what failed, where, and what to do', () => {
  const error = new KilnError('CONFIG_INVALID', 'unknown key "imgae"', { hint: 'did you mean "image"?', at });
  assert.deepEqual(failureLines(error, terminal, false), [
    'error[CONFIG_INVALID]: unknown key "imgae"',
    '  at kiln.yaml:12:3',
    '  hint: did you mean "image"?',
  ]);
  assert.deepEqual(failureDocument(error), {
    error: { code: 'CONFIG_INVALID', message: 'unknown key "imgae"', hint: 'did you mean "image"?', at },
  });
});

test('a place that the message names is not named again', () => {
  const error = new KilnError('CONFIG_SYNTAX', 'kiln.yaml:12:3: a bracket is missing', { hint: 'close it', at });
  assert.equal(failureLines(error, terminal, false).length, 2);
});

test('only a bug shows its stack unasked', () => {
  const bug = asKilnError(new TypeError('x is not a function'));
  assert.equal(bug.exitCode, 1);
  assert.match(failureLines(bug, terminal, false).join('\n'), /^error\[BUG\]: x is not a function\nTypeError.*\n +at /);
  const expected = new KilnError('NOT_FOUND', 'no such service', { hint: 'x', cause: new Error('inner') });
  assert.doesNotMatch(failureLines(expected, terminal, false).join('\n'), / at /);
  assert.match(failureLines(expected, terminal, true).join('\n'), / at [^]*inner/);
});

test('what an error quotes cannot steer the terminal', () => {
  const error = new KilnError('BAKE_STEP_FAILED', 'said \u001B[2J\u0007\u001B[31mred\u009B32m two\nlines', {
    hint: 'look\u001B]0;x\u0007',
  });
  assert.doesNotMatch(failureLines(error, terminal, false).join(''), /\p{Cc}/u);
});

test('what is thrown that is no error still has a code and a hint', () => {
  assert.equal(asKilnError('text').message, 'text');
  assert.equal(asKilnError(undefined).code, 'BUG');
});
