import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { missingPrograms } from '../linux/requirements.ts';
import { requireTool, type BakeProgram } from './check.ts';

test('a missing program is named with its package; one that is there is not', async () => {
  const table = [
    { program: 'sh', debianPackage: 'dash', why: 'never said', fatal: true },
    { program: 'kiln-no-such-program', debianPackage: 'no-such', why: 'nothing works', fatal: true },
  ];
  assert.deepEqual(await missingPrograms(table), [
    {
      requirement: 'kiln-no-such-program',
      what: 'kiln-no-such-program is not installed: nothing works',
      hint: 'apt-get install no-such',
      fatal: true,
    },
  ]);
});

test('a step that starts a program through others says itself that it is missing', async () => {
  await assert.rejects(
    requireTool('kiln-no-such-program' as BakeProgram),
    (error: unknown) => error instanceof KilnError && error.code === 'BAKE_TOOL_MISSING',
  );
});
