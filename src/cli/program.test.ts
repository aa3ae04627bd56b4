/** The command line from outside: `bin/kiln` as a process, in a home of its own, without a daemon. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

import { exec, type ExecResult } from '../platform/exec.ts';
import { COMMANDS } from './table.ts';
import { widthOf } from './terminal.ts';

const KILN = resolve(import.meta.dirname, '../../bin/kiln');
const folder = mkdtempSync(join(tmpdir(), 'kiln-cli-'));
after(() => rmSync(folder, { recursive: true }));

const env = { ...process.env, KILN_HOME: join(folder, 'home'), NO_COLOR: '1' };
const kiln = (...args: readonly string[]): Promise<ExecResult> => exec(KILN, args, { env });

test('--version, through a chain of links', async () => {
  symlinkSync(KILN, join(folder, 'first'));
  symlinkSync('first', join(folder, 'second'));
  const { code, stdout } = await exec(join(folder, 'second'), ['--version'], { env, cwd: '/' });
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('called with nothing, it lists its commands on 80 columns', async () => {
  const { code, stdout, stderr } = await kiln();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^ {2}deploy \[DIR\] /m);
  assert.deepEqual(
    stdout.split('\n').filter((line) => widthOf(line) > 80),
    [],
  );
  assert.doesNotMatch(stdout, /complete-words/);
});

test('an unknown command or option is a usage error with a suggestion', async () => {
  const command = await kiln('deplyo');
  assert.deepEqual({ code: command.code, stdout: command.stdout }, { code: 2, stdout: '' });
  assert.match(command.stderr, /^error\[USAGE\]: unknown command "deplyo"\n {2}hint: did you mean deploy\?/);
  const option = await kiln('logs', 'web', '--folow');
  assert.equal(option.code, 2);
  assert.match(option.stderr, /^error\[USAGE\]: unknown option "--folow"\n {2}hint: did you mean --follow\?/);
});

test('too few and too many words are usage errors', async () => {
  for (const args of [['releases'], ['scale', 'web'], ['images', 'surplus'], ['tag', 'only-one']]) {
    const { code, stderr } = await kiln(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^error\[USAGE\]: .+\n {2}hint: .+\n$/);
  }
});

test('with --json an error is one document on standard output too', async () => {
  const { code, stdout, stderr } = await kiln('scale', 'web', 'many', '--json');
  const { error } = JSON.parse(stdout) as { readonly error: { readonly code: string; readonly hint: string } };
  assert.deepEqual({ code, error: error.code }, { code: 2, error: 'USAGE' });
  assert.match(stderr, /^error\[USAGE\]/);
});

test('--debug shows where an error comes from, and nothing else does', async () => {
  const [plain, debug] = await Promise.all([kiln('scale', 'web', 'many'), kiln('scale', 'web', 'many', '--debug')]);
  assert.doesNotMatch(plain.stderr, /\n\s+at /);
  assert.match(debug.stderr, /\n\s+at /);
});

test('down without a daemon is done already, and starts none', async () => {
  const { code, stdout } = await kiln('down', '--json');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { stopped: false, fleets: [] });
});

test('completing without a daemon has no words, no error, and starts none', async () => {
  assert.deepEqual(await kiln('complete-words', 'service'), { code: 0, signal: null, stdout: '', stderr: '' });
});

test('every command says in its help how it is called, with an example and its exit codes', async () => {
  for (const spec of COMMANDS) {
    const { code, stdout } = await kiln(...spec.name.split(' '), '--help');
    assert.equal(code, 0, spec.name);
    assert.ok(stdout.includes(`$ ${spec.example}`), spec.name);
    assert.ok(stdout.includes('--json'), spec.name);
    for (const [exit, when] of Object.entries(spec.exits))
      assert.match(stdout, new RegExp(`^ {2}${exit} +${when}$`, 'm'), spec.name);
    assert.deepEqual(
      stdout.split('\n').filter((line) => widthOf(line) > 80),
      [],
      spec.name,
    );
  }
});

test('every line of the table can be loaded', async () => {
  for (const { name, load } of COMMANDS) assert.equal(typeof (await load()).run, 'function', name);
});

test('a reader that leaves is no failure', async () => {
  const { code, stderr } = await exec('bash', ['-c', 'set -o pipefail; "$0" deploy --help | head -c 1', KILN], { env });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('a command below another has --json of its own, and a pair of keys is made once', async () => {
  const out = join(folder, 'keys');
  const made = await kiln('key', 'create', '--out', out, '--kind', 'ed25519', '--json');
  const document = JSON.parse(made.stdout) as { readonly kind: string; readonly privateKey: string; readonly publicKey: string };
  assert.deepEqual([made.code, document.kind], [0, 'ed25519']);
  assert.equal(statSync(document.privateKey).mode & 0o777, 0o600);
  assert.match(readFileSync(document.publicKey, 'utf8'), /^-----BEGIN PUBLIC KEY-----/);
  assert.ok(!made.stdout.includes('PRIVATE KEY'));
  const again = await kiln('key', 'create', '--out', out);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /^error\[KEY_INVALID\]: .* is there already\n {2}hint: /);
  assert.equal((await kiln('key', 'create', '--kind', 'rsa')).code, 2);
});
