/** Every program that Kiln calls is in a table of `kiln doctor`, and every package that a table names comes with the set-up. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { BAKE_PROGRAMS } from '../src/bake/check.ts';
import { HOST_PROGRAMS } from '../src/engines/host/check.ts';
import type { Requirement } from '../src/linux/requirements.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** HAProxy is asked for its version instead (src/traffic/machine.ts). */
const ASKED_FOR_THEIR_VERSION = [{ program: 'haproxy', debianPackage: 'haproxy' }];
const REQUIREMENTS: readonly Pick<Requirement, 'program' | 'debianPackage'>[] = [
  ...HOST_PROGRAMS,
  ...BAKE_PROGRAMS,
  ...ASKED_FOR_THEIR_VERSION,
];

/** In no table: a new program belongs into one, unless it is like one of these. */
const UNLISTED: Readonly<Record<string, string>> = {
  'apt-config': "asked for the machine's proxy; where it is not, nobody set one",
  mkfifo: 'coreutils, which no system is without',
  mknod: 'coreutils, which no system is without',
  modprobe: 'asked whether a file system could be loaded; without it what is loaded counts',
  npm: "asked for the machine's registry; where it is not, nobody set one",
};

/** What is called by a name that is not written at the call. */
const COMPUTED: Readonly<Record<string, string>> = {
  DOWNLOADER: "apt's own helper, which comes with apt-get",
  program: 'the OCI runtime that passed the self-test, which doctor runs',
  command: "exec's own parameter",
  '`docker-credential-${name}`': "chosen by the user's ~/.docker/config.json",
  'process.execPath': 'Node itself',
};

/** On every Debian: essential, or what apt itself stands on. */
const ALWAYS_THERE = new Set(['apt', 'bsdutils', 'dpkg', 'mount', 'perl-base', 'util-linux']);

const sources = globSync('src/**/*.ts', { cwd: ROOT })
  .filter((path) => !/\.test\.ts$|\/testing\//.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
  .filter(
    ({ text }) => /platform\/exec\.ts'|'\.\/exec\.ts'|node:child_process'/.test(text) || text.includes('export function exec('),
  );

const matches = (pattern: RegExp): readonly { readonly path: string; readonly what: string }[] =>
  sources.flatMap(({ path, text }) => [...text.matchAll(pattern)].map(([, what = '']) => ({ path, what })));

test('every program that is called is in a table, or listed here with why it is not', () => {
  const called = [...matches(/(?<![.\w])(?:exec|run|spawn)\(\s*'([^']+)'/g), ...matches(/MORTAL,\s*'([^']+)'/g)];
  assert.ok(called.length > 20, 'the calls are found');
  const known = new Set([...REQUIREMENTS.map(({ program }) => program), ...Object.keys(UNLISTED)]);
  assert.deepEqual(
    called.filter(({ what }) => !known.has(what)),
    [],
  );
  const names = new Set(called.map(({ what }) => what));
  assert.deepEqual(
    Object.keys(UNLISTED).filter((program) => !names.has(program)),
    [],
  );
});

test('a name that is computed is one of these', () => {
  const computed = matches(/(?<![.\w])(?:exec|spawn)\(\s*([\w.]+|`[^`]+`)\s*,/g);
  assert.deepEqual(
    computed.filter(({ what }) => !(what in COMPUTED)),
    [],
  );
});

test('every package that a table names is installed by the set-up', () => {
  const setup = readFileSync(join(ROOT, 'scripts/setup.sh'), 'utf8');
  const installed = new Set((/^packages='([^']*)'/m.exec(setup)?.[1] ?? '').split(' '));
  const missing = REQUIREMENTS.filter(({ debianPackage }) => !installed.has(debianPackage) && !ALWAYS_THERE.has(debianPackage));
  assert.deepEqual(missing, []);
});

test('where there is no apt-get, the set-up asks for the programs of the same packages', () => {
  const setup = readFileSync(join(ROOT, 'scripts/setup.sh'), 'utf8');
  const asked = (/for program in ([^;]*);/.exec(setup)?.[1] ?? '').split(' ');
  const known = REQUIREMENTS.filter(({ program }) => asked.includes(program));
  assert.deepEqual(
    asked.filter((name) => !known.some(({ program }) => program === name)),
    [],
  );
  const covered = new Set(known.map(({ debianPackage }) => debianPackage));
  assert.deepEqual(
    REQUIREMENTS.filter(({ debianPackage }) => !covered.has(debianPackage) && !ALWAYS_THERE.has(debianPackage)),
    [],
  );
});
