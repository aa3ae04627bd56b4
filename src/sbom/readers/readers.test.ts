/** Each reader against what its format's own tools write, and against what no tool writes. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';

import * as fc from 'fast-check';

import { elfFile, goModules, inlineBuildInfo, pointedBuildInfo } from '../testing/elf.ts';
import { apk } from './apk.ts';
import { binary } from './binary.ts';
import { dpkg } from './dpkg.ts';
import { npm } from './npm.ts';
import { pip } from './pip.ts';
import type { Reader } from './reader.ts';

const read = (reader: Reader, content: string | Buffer) => reader.read(Buffer.from(content), 'path');
const names = (reader: Reader, content: string | Buffer) =>
  read(reader, content).packages.map(({ name, version }) => `${name} ${version}`);

test('dpkg: installed packages with their sources; what was removed is not there', () => {
  const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u13
Description: GNU C Library
 Version: 9.9 is not the version

Package: libstdc++6
Status: install ok triggers-pending
Architecture: amd64
Source: gcc-12 (12.2.0-14+deb12u1)
Version: 12.2.0-14

Package: vim
Status: deinstall ok config-files
Version: 2:9.0

Package: bash
Status: install ok installed
Version: 5.2.15-2+b7
Source: bash (5.2.15-2)
`;
  const { packages } = read(dpkg, status);
  assert.deepEqual(
    packages.map(({ name, version, source, architecture }) => [name, version, source, architecture]),
    [
      ['libc6', '2.36-9+deb12u13', { name: 'glibc', version: '2.36-9+deb12u13' }, 'amd64'],
      ['libstdc++6', '12.2.0-14', { name: 'gcc-12', version: '12.2.0-14+deb12u1' }, 'amd64'],
      ['bash', '5.2.15-2+b7', { name: 'bash', version: '5.2.15-2' }, null],
    ],
  );
});

test('dpkg: a file for each package, as images without dpkg have them, says no status', () => {
  assert.ok(dpkg.wants('var/lib/dpkg/status.d/base', 0) && !dpkg.wants('var/lib/dpkg/status.d/base.md5sums', 0));
  assert.deepEqual(names(dpkg, 'Package: base-files\nVersion: 12.4+deb12u5\n'), ['base-files 12.4+deb12u5']);
});

test('dpkg: entries without a valid name or version are counted, and hide no other', () => {
  const long = '1'.repeat(10_000_000);
  const status = `Package: a\nVersion: ${long}\n\nPackage: ../b\nVersion: 1\n\nPackage: c\n\n\n\nPackage: d\nVersion: 1\u001b[2J\n\nPackage: e\nVersion: 1\n`;
  const { packages, malformed } = read(dpkg, status);
  assert.deepEqual([packages.map(({ name }) => name), malformed], [['e'], 4]);
});

test('apk: packages, their origin and license, and the files that are theirs', () => {
  const { packages, owned } = read(
    apk,
    'C:Q1abc=\nP:musl-utils\nV:1.2.4-r2\nA:x86_64\nL:MIT AND BSD-2-Clause\no:musl\nF:usr/bin\nR:ldd\n\nP:busybox\nV:1.36.1-r5\no:busybox\nF:bin\nR:busybox\n',
  );
  assert.deepEqual(
    packages.map(({ name, version, license, source }) => [name, version, license, source]),
    [
      ['musl-utils', '1.2.4-r2', 'MIT AND BSD-2-Clause', { name: 'musl', version: '1.2.4-r2' }],
      ['busybox', '1.36.1-r5', null, null],
    ],
  );
  assert.deepEqual(Object.fromEntries(owned ?? []), { 'usr/bin/ldd': 'musl-utils', 'bin/busybox': 'busybox' });
});

test('npm: the manifest of a package, wherever node_modules is, and no other manifest', () => {
  const wanted = [
    'app/node_modules/express/package.json',
    'node_modules/@a/b/package.json',
    'x/node_modules/.pnpm/y@1/node_modules/y/package.json',
  ];
  const others = [
    'app/package.json',
    'node_modules/express/lib/package.json',
    'node_modules/package.json',
    'my_node_modules/a/package.json',
  ];
  assert.deepEqual(
    [...wanted, ...others].filter((path) => npm.wants(path, 0)),
    wanted,
  );
  assert.deepEqual(read(npm, '{"name":"a","version":"1.0.0","licenses":[{"type":"MIT"},{"type":"Apache-2.0"}]}').packages, [
    { type: 'npm', name: 'a', version: '1.0.0', license: 'MIT OR Apache-2.0', source: null, architecture: null },
  ]);
  assert.deepEqual(names(npm, '{"type":"module"}'), []);
});

test('npm: a manifest can reach no prototype, and its name must be one', () => {
  const { packages } = read(npm, '{"__proto__":{"name":"evil","version":"1.0.0"},"constructor":{}}');
  assert.deepEqual(packages, []);
  assert.equal(read(npm, '{"name":"../../etc","version":"1.0.0"}').malformed, 1);
  assert.equal(read(npm, '{"name":{},"version":[]}').malformed, 1);
});

test('pip: core metadata, up to its description', () => {
  assert.deepEqual(names(pip, 'Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1.6\n\nVersion: 9\n'), ['Jinja2 3.1.6']);
  const license = (text: string) => read(pip, `Name: a\nVersion: 1\n${text}\n`).packages[0]?.license;
  assert.equal(license('License-Expression: MIT'), 'MIT');
  assert.equal(license('License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License'), 'MIT License');
  assert.ok(['a/x-1.dist-info/METADATA', 'a/x-1.egg-info', 'a/x.egg-info/PKG-INFO'].every((path) => pip.wants(path, 0)));
});

const MODULES = goModules([
  'path\texample.org/app',
  'mod\texample.org/app\t(devel)\t',
  'dep\tgolang.org/x/net\tv0.7.0\th1:abc=',
  'dep\texample.org/old\tv1.0.0',
  '=>\texample.org/new\tv1.2.0\th1:def=',
  'build\t-compiler=gc',
]);
const EXPECTED = ['stdlib 1.22.1', 'golang.org/x/net v0.7.0', 'example.org/new v1.2.0'];

test('Go: build information in both of its forms, with sections or without', () => {
  const inline = inlineBuildInfo('go1.22.1', MODULES);
  const pointed = pointedBuildInfo('go1.22.1', MODULES);
  assert.deepEqual(names(binary, elfFile({ sections: { '.go.buildinfo': inline } })), EXPECTED);
  assert.deepEqual(names(binary, elfFile({ data: Buffer.concat([Buffer.alloc(32), inline]) })), EXPECTED);
  assert.deepEqual(names(binary, elfFile({ data: pointed })), EXPECTED);
  assert.deepEqual(names(binary, elfFile({ sections: { '.text': Buffer.from('no program of Go') } })), []);
});

test('Go: a length that lies is damage, not a read beyond the file', () => {
  for (const length of [MODULES.length + 1, 2 ** 31, 2 ** 34]) {
    const inline = elfFile({ sections: { '.go.buildinfo': inlineBuildInfo('go1.22.1', MODULES, length) } });
    const pointed = elfFile({ data: pointedBuildInfo('go1.22.1', MODULES, length) });
    for (const file of [inline, pointed]) assert.throws(() => read(binary, file), SyntaxError);
  }
});

const compiler = join(import.meta.dirname, '../../../node_modules/@typescript/typescript-linux-x64/lib/tsc');
test(
  'Go: a program that Go has built',
  { skip: existsSync(compiler) ? false : 'only where the compiler is that of linux-x64' },
  () => {
    const found = names(binary, readFileSync(compiler));
    assert.ok(
      found.some((each) => /^stdlib 1\.[0-9]+/.test(each)),
      found.join(),
    );
    assert.ok(
      found.some((each) => each.startsWith('github.com/microsoft/typescript-go ')),
      found.join(),
    );
  },
);

test('Rust: what cargo-auditable lists, without what only built it', () => {
  const listed = (packages: unknown): Buffer => elfFile({ sections: { '.dep-v0': deflateSync(JSON.stringify({ packages })) } });
  const file = listed([
    { name: 'serde', version: '1.0.200', source: 'crates.io' },
    { name: 'cc', version: '1.0.0', source: 'crates.io', kind: 'build' },
    { name: 'app', version: '0.1.0', source: 'local', root: true },
  ]);
  assert.deepEqual(names(binary, file), ['serde 1.0.200']);
  assert.throws(() => read(binary, listed('many')), SyntaxError);
  const bomb = elfFile({ sections: { '.dep-v0': deflateSync(Buffer.alloc(64 << 20, 0x20)) } });
  assert.throws(() => read(binary, bomb), SyntaxError);
});

test('no content makes a reader fail otherwise than by saying that it is damaged', () => {
  const info = elfFile({
    sections: { '.go.buildinfo': inlineBuildInfo('go1.22.1', MODULES) },
    data: pointedBuildInfo('go1', MODULES),
  });
  const broken = fc.tuple(fc.nat(info.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
    const copy = Buffer.from(info);
    copy[at] = byte;
    return copy;
  });
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    broken,
  );
  fc.assert(
    fc.property(content, fc.constantFrom(dpkg, apk, npm, pip, binary), (bytes, reader) => {
      try {
        reader.read(bytes, 'path');
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
