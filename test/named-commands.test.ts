/** A hint that names a command which is not there leads nowhere. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { COMMANDS } from '../src/cli/table.ts';

const SOURCE = resolve(import.meta.dirname, '..', 'src');

test('every `kiln …` that the source says to people is a command', () => {
  const known = new Set(COMMANDS.map(({ name }) => name.split(' ')[0]));
  const said = globSync('**/*.ts', { cwd: SOURCE }).flatMap((path) =>
    [...readFileSync(join(SOURCE, path), 'utf8').matchAll(/`kiln ([a-z]+)/g)].map(([, command = '']) => ({ path, command })),
  );
  assert.ok(said.length > 0);
  assert.deepEqual(
    said.filter(({ command }) => !known.has(command)),
    [],
  );
});
