/** The README's five minutes, run as a new user would: line by line in a shell, in a home of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { requires } from './requires.ts';

const ROOT = join(import.meta.dirname, '..');

/** The `sh` blocks of the README's section, without comments. */
async function tour(): Promise<readonly string[]> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Five minutes'), readme.indexOf('## The file'));
  const blocks = [...section.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1] ?? '');
  return blocks
    .join('')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

test(
  "the README's five minutes do what they say",
  requires('root', 'runc', 'conmon', 'haproxy', 'mmdebstrap', 'curl'),
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'kiln-readme-'));
    const env = { ...process.env, KILN_HOME: join(root, 'home'), PWD: root };
    after(async () => {
      await shell(`${ROOT}/bin/kiln down`, root, env);
      await rm(root, { recursive: true, force: true });
    });
    for (const name of ['bin', 'examples']) await cp(join(ROOT, name), join(root, name), { recursive: true });
    for (const name of ['src', 'node_modules', 'package.json'])
      await shell(`ln -s ${join(ROOT, name)} ${join(root, name)}`, root, env);
    const lines = await tour();
    // 0: done; 3: a plan that has changes in it.
    const script = lines.map(
      (line) => `echo ${quoted(`$ ${line}`)}\n${line}\ncode=$?; [ $code = 0 ] || [ $code = 3 ] || exit $code`,
    );
    const told = await shell(script.join('\n'), root, env);
    assert.equal(told.code, 0, told.output);
    assert.match(told.output, /sha256:|[0-9a-f]{8}/);
  },
);

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function shell(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const child = spawn('sh', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
