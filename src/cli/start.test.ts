/** Every command pays for what is loaded before it begins: a library that only some need is loaded by those. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const FOLDER = join(import.meta.dirname, 'commands');
/** They read files of people's own, in place of the daemon. */
const READERS: ReadonlySet<string> = new Set(['import.ts', 'init.ts']);

const SCRIPT = `
import { registerHooks } from 'node:module';
const loaded = new Set();
registerHooks({ load(url, context, next) { loaded.add(/node_modules\\/([^/]+)/.exec(url)?.[1]); return next(url, context); } });
for (const url of process.argv.slice(1)) await import(url);
console.log([...loaded].filter((name) => name !== undefined).join(' '));
`;

test('no command loads a library before it needs it', () => {
  const names = readdirSync(FOLDER).filter((name) => !name.endsWith('.test.ts') && !READERS.has(name));
  assert.ok(names.length > 30);
  const urls = names.map((name) => pathToFileURL(join(FOLDER, name)).href);
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT, ...urls], { encoding: 'utf8' });
  assert.equal(told.trim(), '');
});
