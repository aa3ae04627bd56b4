/** Orders of versions, against the programs that define them where those are to be had, and in the words of their documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { exec } from '../../platform/exec.ts';
import { requires } from '../../../test/requires.ts';
import { compareApk } from './apk.ts';
import { COMPARE, type Compare } from './compare.ts';
import { compareDpkg } from './dpkg.ts';
import { comparePep440 } from './pep440.ts';
import { compareGo, compareSemantic } from './semantic.ts';

/** Ascending; each against all that follow. Those in one text, separated by `=`, are equal. */
function assertAscending(compare: Compare, versions: readonly string[]): void {
  for (const [at, group] of versions.entries()) {
    const [first = '', ...same] = group.split(' = ');
    for (const each of same) assert.equal(compare(first, each), 0, `${first} = ${each}`);
    for (const later of versions.slice(at + 1).flatMap((each) => each.split(' = '))) {
      assert.ok((compare(first, later) ?? 0) < 0, `${first} < ${later}`);
      assert.ok((compare(later, first) ?? 0) > 0, `${later} > ${first}`);
    }
  }
}

/** Likely to differ in one place only: that is where orders are told apart. */
const versionText = (alphabet: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
const UPSTREAM = ['0', '1', '2', '10', '007', '.', '~', '+', 'a', 'b', 'rc', 'Z', '-'];

const COMPARE_ALL =
  'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi; done';

test("Debian's order is dpkg's own, over random pairs", requires('dpkg'), async () => {
  const version = fc
    .tuple(
      fc.constantFrom('', '0:', '1:', '12:'),
      versionText(UPSTREAM),
      fc.constantFrom('', '-1', '-1+b2', '-0ubuntu1~22', '-1~'),
    )
    .map(([epoch, upstream, revision]) => `${epoch}1${upstream}${revision}`);
  const pairs = fc.sample(fc.tuple(version, version), 1000).filter(([a, b]) => isDebian(a) && isDebian(b));
  const { stdout } = await exec('sh', ['-c', COMPARE_ALL], { input: pairs.map((pair) => `${pair.join(' ')}\n`).join('') });
  const own = pairs.map(([a, b]) => Math.sign(compareDpkg(a, b)));
  assert.ok(pairs.length > 500);
  for (const [at, said] of stdout.trim().split('\n').entries()) assert.equal(own[at], Number(said), pairs[at]?.join(' '));
});

/** dpkg warns of others, and compares them all the same. */
const isDebian = (version: string): boolean => !version.endsWith('-');

test("Debian's order: tilde before the end, letters before others, numbers as numbers", () => {
  assertAscending(compareDpkg, [
    '1.0~~',
    '1.0~~a',
    '1.0~',
    '1.0~rc1-1',
    '1.0 = 0:1.0 = 1.0-0 = 1.0-',
    '1.0-1',
    '1.0-1+b1',
    '1.0a',
    '1.0+dfsg-1',
    '1.0.9-1',
    '1.0.10-1 = 1.0.010-1',
    '1:0.1',
  ]);
});

test("Alpine's order: suffixes before and after the release, fractions, revisions", () => {
  assertAscending(compareApk, [
    '1.0_alpha',
    '1.0_alpha1',
    '1.0_beta',
    '1.0_rc1',
    '1.0_rc1-r1',
    '1.0',
    '1.0-r0',
    '1.0-r10',
    '1.0_git20240101',
    '1.0_p1',
    '1.0a',
    '1.0b',
    '1.0.1',
    '1.05',
    '1.1',
    '1.2 = 1.2',
    '1.10',
    '02.0 = 2.0',
    '10.0',
  ]);
  for (const other of ['', 'a', '1.', '1.0_foo', '1.0-1', '1.0 ', '1..0', '1.0-r'])
    assert.equal(compareApk(other, '1.0'), null, other);
});

test("Python's order: development, pre and post releases, epochs, local versions", () => {
  assertAscending(comparePep440, [
    '1.0.dev456',
    '1.0a1 = 1.0-alpha.1 = 1.0A1',
    '1.0a2.dev456',
    '1.0a12.dev456',
    '1.0a12',
    '1.0b1.dev456',
    '1.0b2',
    '1.0b2.post345.dev456',
    '1.0b2.post345',
    '1.0rc1.dev456',
    '1.0rc1 = 1.0c1 = 1.0.pre1',
    '1.0 = 1 = 1.0.0 = v1.0',
    '1.0+abc.5',
    '1.0+abc.7',
    '1.0+5',
    '1.0.post456.dev34',
    '1.0.post456 = 1.0-456 = 1.0.r456',
    '1.0.15',
    '1.1.dev1',
    '1!0.1',
  ]);
  for (const other of ['', 'latest', '1.0-', '1.0+', '1.0 0', '1.0.foo', '1'.repeat(300)])
    assert.equal(comparePep440(other, '1.0'), null, other);
});

test("npm's, Rust's and Go's order: semantic versions, and Go's own names of its releases", () => {
  assertAscending(compareSemantic, [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0 = 1.0.0+build',
    '2.0.0',
    '10.0.0',
  ]);
  assertAscending(compareGo, [
    'v0.0.0-20230101000000-abcdefabcdef',
    '1.21.0-0',
    '1.21rc2 = 1.21.0-rc.2',
    '1.21 = 1.21.0 = v1.21.0+incompatible',
    '1.21.13',
    '1.22.1',
    'v2.0.0+dirty',
  ]);
  for (const compare of [compareSemantic, compareGo]) assert.equal(compare('1.x', '1.0.0'), null);
});

test('every order is one: of three versions none is before itself, and text of any length is no trap', () => {
  const any = fc.oneof(versionText([...UPSTREAM, '_p', '_rc', '-r1', '.dev1', '.post2', '!', ':']), fc.string());
  const orders = Object.values(COMPARE);
  fc.assert(
    fc.property(any, any, any, fc.constantFrom(...orders), (a, b, c, compare) => {
      const sign = (one: string, other: string): number | null => {
        const order = compare(one, other);
        return order === null ? null : Math.sign(order);
      };
      const [ab, bc, ac, ba] = [sign(a, b), sign(b, c), sign(a, c), sign(b, a)];
      assert.equal(ab === null ? null : -ab || 0, ba === null ? null : ba || 0);
      if (ab !== null && bc !== null && ab <= 0 && bc <= 0) assert.ok(ac !== null && ac <= 0, `${a} ≤ ${b} ≤ ${c}`);
    }),
    { numRuns: 3000 },
  );
  const long = `1.${'9'.repeat(1_000_000)}`;
  for (const compare of orders) compare(long, `${long}~`);
});
