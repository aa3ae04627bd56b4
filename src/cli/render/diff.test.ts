/** A difference on 80 columns and in Markdown, whatever is in the images. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DIFF, EVIL } from '../testing/diff.ts';
import { fakeTerminal } from '../testing/fakes.ts';
import { widthOf } from '../terminal.ts';
import { diffLines } from './diff.ts';
import { diffMarkdown } from './diff-markdown.ts';

const lines = (all = false): readonly string[] => diffLines(DIFF, all, fakeTerminal());
/** What could steer a terminal, or look like something else. */
const STEERING = /[\p{Cc}\p{Cf}]/u;

test('first what there is in a few lines', () => {
  assert.deepEqual(lines().slice(0, 7), [
    'web:1.0.0 (aaaaaaaa) → web:1.1.0 (bbbbbbbb)',
    '  launch            1 added · 5 changed',
    '  configuration     1 added · 1 removed · 2 changed',
    '  packages          1 added · 1 removed · 2 changed · 1 of them older',
    '  files             10 added · 1 removed · 35 changed, 1.2 MB larger',
    '  layers            1 new layer (2.0 MB) · 1 gone (10 B) · 3 shared (60.0 MB)',
    '  vulnerabilities   1 new · 1 gone',
  ]);
});

test('then each part in its words', () => {
  const text = lines().join('\n');
  for (const told of [
    /^ {2}~ env LOG_LEVEL {2,}info → debug$/m,
    /^ {2}~ limits memory {2,}512 MB → 1.0 GB$/m,
    /^ {2}~ health every {2,}1.0 s → 2.0 s$/m,
    /^ {2}~ files \/etc\/app.conf mode {2,}444 → 400$/m,
    /^ {2}\+ volumes cache {2,}\{"name":"cache"/m,
    /^ {2}− env TOKEN {2,}removed; not shown, it may be a secret$/m,
    /^ {2}~ entrypoint {2,}node a.js → node b.js$/m,
    /^ {2}\+ annotation revision {2,}9e2d7c1$/m,
    /^ {2}~ libssl3 {2,}3.0.15 → 3.0.16 {3}deb$/m,
    /^ {2}! jq {2,}1.7 → 1.6 {3}deb, older$/m,
    /^ {2}− left-pad {2,}1.0.0 {3}npm$/m,
    /^ {2}of the second, what \/var\/lib\/dpkg\/status says was not read: it is damaged$/m,
    /^ {2}! \/usr\/bin\/su {2,}mode 0644 → 4755 \(gained: setuid\)$/m,
    /^ {2}\+ \/app\/new\/ {2,}9 paths in it, 9.0 kB$/m,
    /^ {2}~ \/app\/x {2,}owner 0:0 → 33:0, attributes /m,
    /lines not shown: it may hold a secret/,
    /^ {2}… and 22 more: --all shows more$/m,
    /^ {2}12 paths of the packages above: --all lists them, too$/m,
    /^ {2}of 4 more paths only the time differs$/m,
    /^ {2}\+ CVE-2026-1 {3}high {3}openssl 3.0.16, mended in 3.0.17$/m,
    /^ {2}− CVE-2025-2 {3}low {3}openssl 3.0.15$/m,
    /^ {2}but the data is 30 days old$/m,
  ]) {
    assert.match(text, told);
  }
  const all = lines(true).join('\n');
  assert.match(all, /\/srv\/29/);
  assert.match(all, /… and 5 more$/m);
  assert.match(all, /^ {6}-old$/m);
});

test('nothing is wider than the terminal, and nothing in it steers one', () => {
  for (const line of lines(true)) {
    assert.ok(widthOf(line) <= 80, line);
    assert.doesNotMatch(line, STEERING);
  }
  assert.ok(lines().some((line) => line.includes('\\u{1b}[2J\\u{202e}\\r\\n')));
});

test('the same is said in one line', () => {
  const same = { ...DIFF, same: true, image: null, launch: null };
  assert.deepEqual(diffLines(same, false, fakeTerminal()).slice(1), ['  the same image']);
  const sameImage = { ...DIFF, image: null };
  assert.equal(diffLines(sameImage, false, fakeTerminal())[1], '  the same image');
  const gone = { ...DIFF, image: null, unread: 'the image aaaaaaaa of web.r1 can’t be read' };
  assert.match(diffLines(gone, false, fakeTerminal())[1] ?? '', /can’t be read/);
});

/** What is left once all code is taken away: Kiln's own words. */
function outsideCode(markdown: readonly string[]): string {
  let fence = '';
  const own = markdown.filter((line) => {
    const [mark] = /^`{3,}/.exec(line) ?? [];
    if (fence === '' && mark !== undefined) fence = mark;
    else if (fence !== '' && line === fence) fence = '';
    else return fence === '';
    return false;
  });
  assert.equal(fence, '', 'every block of code ends');
  return own.join('\n').replaceAll(/(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');
}

test('in Markdown, what comes from the images is nothing but code', () => {
  const markdown = diffMarkdown(DIFF, true);
  const own = outsideCode(markdown);
  for (const foreign of ['script', 'http', '@team', 'deep', 'left-pad', 'old\n', 'libssl'])
    assert.ok(!own.includes(foreign), foreign);
  assert.ok(markdown.every((line) => !STEERING.test(line)));
  assert.match(own, /^\| packages \| 1 added · 1 removed · 2 changed · 1 of them older \|$/m);
  assert.match(markdown.join('\n'), /<details><summary>Files<\/summary>\n\n- `!` `\/usr\/bin\/su` mode 0644 → 4755/);
  assert.match(markdown.join('\n'), /\n````diff\n@@ -1,1 \+1,1 @@\n-old\n/);
});

test('a comment on a pull request is never too long for the code host', () => {
  assert.ok(DIFF.image !== null);
  const { files } = DIFF.image;
  const [, example] = files.listed;
  assert.ok(example !== undefined);
  const listed = Array.from({ length: 2000 }, (_, index) => ({ ...example, path: `/${EVIL.repeat(20)}${index}` }));
  const large = { ...DIFF, image: { ...DIFF.image, files: { ...files, listed } } };
  assert.ok(diffMarkdown(large, false).join('\n').length <= 60_000);
  assert.match(diffMarkdown(large, false).join('\n'), /- and 19\d\d more|- and 2005 more/);
});
