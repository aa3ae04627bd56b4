import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { apart, OutOfMemory } from './apart.ts';

const folder = mkdtempSync(join(tmpdir(), 'kiln-apart-'));
after(() => rmSync(folder, { recursive: true }));

const MEMORY = { memoryMb: 128 };

/** A module that answers by the body of a function of `input`. */
function moduleOf(body: string): URL {
  const path = join(folder, `${body.length}-${body.replaceAll(/[^a-z]/gi, '').slice(0, 40)}.ts`);
  const here = pathToFileURL(join(import.meta.dirname, 'apart.ts')).href;
  const errors = pathToFileURL(join(import.meta.dirname, '../errors/error.ts')).href;
  writeFileSync(
    path,
    `import { answerApart } from '${here}'; import { KilnError } from '${errors}'; answerApart(async (input) => { ${body} });`,
  );
  return pathToFileURL(path);
}

test('what the process answers comes back, null too, and text as input', async () => {
  assert.deepEqual(await apart(moduleOf('return { twice: input.of * 2, map: new Map([[1, 2]]) }'), { of: 21 }, MEMORY), {
    twice: 42,
    map: new Map([[1, 2]]),
  });
  assert.equal(await apart(moduleOf('return input === "text" ? null : input'), 'text', MEMORY), null);
});

test('a KilnError keeps its code and hint; another error is a bug here, too', async () => {
  const refused = moduleOf(`throw new KilnError('USAGE', 'not like that', { hint: 'like this' })`);
  await assert.rejects(apart(refused, {}, MEMORY), {
    name: 'KilnError',
    code: 'USAGE',
    message: 'not like that',
    hint: 'like this',
  });
  await assert.rejects(apart(moduleOf(`throw new TypeError('a bug')`), {}, MEMORY), /TypeError: a bug/);
});

test('too little memory, an early end and a signal end the process, not this one', async () => {
  const greedy = moduleOf(`const all = []; while (true) all.push(new Array(1000).fill({}).map(() => ({})))`);
  await assert.rejects(apart(greedy, {}, { memoryMb: 32 }), OutOfMemory);
  const atOnce = moduleOf(`return 'x'.repeat(2 ** 29 - 100).split('').length`);
  await assert.rejects(apart(atOnce, {}, { memoryMb: 32 }), OutOfMemory);
  await assert.rejects(apart(moduleOf('process.exit(3)'), {}, MEMORY), /ended early \(3\)/);
  const cancel = new AbortController();
  const endless = apart(moduleOf('while (true);'), {}, { ...MEMORY, signal: cancel.signal });
  cancel.abort(new Error('enough'));
  await assert.rejects(endless, /enough/);
});

test('the process is told nothing of the environment', async () => {
  process.env['KILN_TEST_SECRET'] = 'hunter2';
  try {
    assert.equal(await apart(moduleOf(`return process.env['KILN_TEST_SECRET'] ?? 'nothing'`), {}, MEMORY), 'nothing');
  } finally {
    delete process.env['KILN_TEST_SECRET'];
  }
});
