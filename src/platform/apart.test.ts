import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { apart } from './apart.ts';

const folder = mkdtempSync(join(tmpdir(), 'kiln-apart-'));
after(() => rmSync(folder, { recursive: true }));

/** A module that answers by the body of a function of `input`. */
function moduleOf(body: string): URL {
  const path = join(folder, `${body.length}-${body.replaceAll(/[^a-z]/gi, '').slice(0, 40)}.ts`);
  const here = pathToFileURL(join(import.meta.dirname, 'apart.ts')).href;
  const errors = pathToFileURL(join(import.meta.dirname, '../errors/error.ts')).href;
  writeFileSync(
    path,
    `import { answerApart } from '${here}'; import { KilnError } from '${errors}'; await answerApart(async (input) => { ${body} });`,
  );
  return pathToFileURL(path);
}

test('what the thread answers comes back, null too', async () => {
  assert.deepEqual(await apart(moduleOf('return { twice: input * 2, map: new Map([[1, 2]]) }'), 21), {
    twice: 42,
    map: new Map([[1, 2]]),
  });
  assert.equal(await apart(moduleOf('return null'), 0), null);
});

test('a KilnError keeps its code and hint; another error is one here, too', async () => {
  const refused = moduleOf(`throw new KilnError('USAGE', 'not like that', { hint: 'like this' })`);
  await assert.rejects(apart(refused, 0), { name: 'KilnError', code: 'USAGE', message: 'not like that', hint: 'like this' });
  await assert.rejects(apart(moduleOf(`throw new TypeError('a bug')`), 0), { name: 'TypeError', message: 'a bug' });
});

test('too little memory, an early end and a signal end the thread, not the process', async () => {
  const greedy = moduleOf(`const all = []; while (true) all.push(new Array(1000).fill({}).map(() => ({})))`);
  await assert.rejects(apart(greedy, 0, { memoryMb: 32 }), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
  await assert.rejects(apart(moduleOf('process.exit(0)'), 0), /ended early/);
  const cancel = new AbortController();
  const endless = apart(moduleOf('while (true);'), 0, { signal: cancel.signal });
  cancel.abort(new Error('enough'));
  await assert.rejects(endless, /enough/);
});
