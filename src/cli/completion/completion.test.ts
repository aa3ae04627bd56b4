/** The scripts as shells run them. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import { exec, run } from '../../platform/exec.ts';
import { bashCompletion } from './bash.ts';
import { topLevel } from './words.ts';
import { zshCompletion } from './zsh.ts';

/** A `kiln` that knows two services and two tags, for the words that are asked of the daemon. */
const folder = mkdtempSync(join(tmpdir(), 'kiln-completion-'));
after(() => rmSync(folder, { recursive: true }));
const answers = '#!/bin/sh\ncase $2 in service) echo web; echo worker ;; image) echo web:1.0.0; echo web:1.1.0 ;; esac\n';
writeFileSync(join(folder, 'kiln'), answers);
chmodSync(join(folder, 'kiln'), 0o755);
writeFileSync(join(folder, 'bash'), bashCompletion());
writeFileSync(join(folder, '_kiln'), zshCompletion());
const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };

/** What bash would offer for a line that ends at the cursor. */
async function offered(line: string): Promise<readonly string[]> {
  const script = `source "$1"; COMP_LINE=$2 COMP_POINT=\${#2}; _kiln; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const stdout = await run('bash', ['--norc', '-c', script, 'bash', join(folder, 'bash'), line], { env });
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash: commands, options, services, images, fixed words', async () => {
  assert.deepEqual(await offered('kiln ro'), ['rollback']);
  assert.deepEqual(await offered('kiln rollback --t'), ['--to']);
  assert.deepEqual(await offered('kiln status w'), ['web', 'worker']);
  assert.deepEqual(await offered('kiln status --watch wo'), ['worker']);
  assert.deepEqual(await offered('kiln deploy --strategy b'), ['blue-green']);
  assert.deepEqual(await offered('kiln completion '), ['bash', 'zsh']);
  assert.deepEqual(await offered('kiln history ve'), ['verify']);
  assert.deepEqual(await offered('kiln logs web --tail '), []);
});

test('bash: after a colon only what stands behind it is offered', async () => {
  assert.deepEqual(await offered('kiln image web:1.'), ['1.0.0', '1.1.0']);
});

test('bash: every command is offered', async () => {
  const words = await offered('kiln ');
  for (const { name } of topLevel) assert.ok(words.includes(name), name);
});

test('zsh reads its script without complaint', requires('zsh'), async () => {
  const script = 'autoload -U compinit; compinit -u -D; source "$1"; whence -w _kiln';
  const result = await exec('zsh', ['-f', '-c', script, 'zsh', join(folder, '_kiln')], { env });
  assert.deepEqual(result, { code: 0, signal: null, stdout: '_kiln: function\n', stderr: '' });
});
