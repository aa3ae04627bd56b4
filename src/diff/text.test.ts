import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { compareTexts } from './text.ts';

const told = (first: string, second: string): readonly string[] =>
  compareTexts('a', Buffer.from(first), Buffer.from(second)).lines;

test('runs of changes with three lines around them, and their places', () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
  const changed = lines.toSpliced(14, 1).toSpliced(24, 0, 'new');
  assert.deepEqual(told(`${lines.join('\n')}\n`, `${changed.join('\n')}\n`), [
    '@@ -12,7 +12,6 @@',
    ' line 12',
    ' line 13',
    ' line 14',
    '-line 15',
    ' line 16',
    ' line 17',
    ' line 18',
    '@@ -23,6 +22,7 @@',
    ' line 23',
    ' line 24',
    ' line 25',
    '+new',
    ' line 26',
    ' line 27',
    ' line 28',
  ]);
  assert.deepEqual(told('', 'a\n'), ['@@ -0,0 +1,1 @@', '+a']);
  assert.deepEqual(told('a\nb', 'a\nb\n'), ['@@ -1,2 +1,2 @@', ' a', ' b', '-\\ no line end']);
});

/** The second text, made of the first and what is told. */
function patched(first: string, lines: readonly string[]): string {
  const old = first.split('\n');
  const out: string[] = [];
  let at = 0;
  for (const line of lines) {
    const [, start, length] = /^@@ -(\d+),(\d+) /.exec(line) ?? [];
    if (start !== undefined) {
      const from = Number(start) - (length === '0' ? 0 : 1);
      out.push(...old.slice(at, from));
      at = from;
    } else if (line.startsWith('+')) out.push(line.slice(1));
    else {
      assert.equal(old[at], line.slice(1));
      if (line.startsWith(' ')) out.push(line.slice(1));
      at += 1;
    }
  }
  return [...out, ...old.slice(at)].join('\n');
}

test('with what is told, any text becomes the other', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', '', '@@ -1,1 +1,1 @@', '-'), { maxLength: 30 });
  const text = lines.map((each) => each.map((line) => `${line}\n`).join(''));
  fc.assert(
    fc.property(text, text, (first, second) => {
      const { lines: shown, hidden } = compareTexts('a', Buffer.from(first), Buffer.from(second));
      assert.equal(hidden, null);
      assert.equal(patched(first, shown), second);
    }),
  );
});

test('too much is not compared, and long lines and lists are cut', () => {
  const many = (word: string, count: number): Buffer => Buffer.from(`${word}\n`.repeat(count));
  assert.equal(compareTexts('a', many('a', 1000), many('b', 1000)).hidden, 'too many lines differ');
  const { lines, more } = compareTexts('a', many('a', 500), many('b', 500));
  assert.deepEqual([lines.length, more], [400, 601]);
  assert.ok((told('', 'x'.repeat(10_000))[1]?.length ?? 0) < 600);
});

test('what is no text, is private or holds a secret is not shown', () => {
  const hidden = (path: string, content: string | Buffer): string | null =>
    compareTexts(path, Buffer.from('old\n'), Buffer.isBuffer(content) ? content : Buffer.from(content)).hidden;
  assert.equal(hidden('a', Buffer.from([0xff, 0xfe])), 'it is no text');
  for (const path of ['etc/shadow', 'app/.env', 'root/.netrc', 'etc/ssl/private/x.pem', 'srv/tls.key', 'home/a/.ssh/id_rsa']) {
    assert.equal(hidden(path, 'new\n'), 'it may hold a secret', path);
  }
  assert.equal(hidden('app/db.conf', 'db = mysql://root:root@db/web\n'), 'it may hold a secret');
  assert.equal(hidden('app/conf.json', '{"api_key": "9f2c81b04d7e6a3355aa"}\n'), 'it may hold a secret');
  assert.equal(hidden('app/keyboard.conf', 'layout = de\n'), null);
});
