/** What is told of the files and packages of two images, and which layers are read for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RawEntry } from '../oci/testing/trees.ts';
import type { FileDifference } from './contract.ts';
import { imageOf, images } from './testing/images.ts';

const BASE: readonly RawEntry[] = [
  { path: 'etc/', kind: 'folder', mode: 0o755 },
  { path: 'etc/motd', content: 'hello' },
  { path: 'srv/old/1', content: 'one' },
  { path: 'srv/old/2', content: 'two' },
];
const short = ({ path, what, below }: FileDifference): readonly unknown[] =>
  below === null || below.entries === 0 ? [path, ...what] : [path, ...what, below.entries, below.bytes];

test('each way in which a file can differ is told, and times alone are counted', async () => {
  await using made = await images();
  const second: readonly RawEntry[] = [
    { path: 'content', content: '1' },
    { path: 'mode', mode: 0o755 },
    { path: 'owner', uid: 5 },
    { path: 'kind', kind: 'fifo' },
    { path: 'link', kind: 'symlink', target: 'b' },
    { path: 'attributes', xattrs: new Map([['user.note', 'b']]) },
    { path: 'time', mtimeSeconds: 5 },
    { path: 'new' },
  ];
  const first: readonly RawEntry[] = [
    { path: 'content', content: '2' },
    { path: 'mode' },
    { path: 'owner' },
    { path: 'kind' },
    { path: 'link', kind: 'symlink', target: 'a' },
    { path: 'attributes', xattrs: new Map([['user.note', 'a']]) },
    { path: 'time' },
    { path: 'gone', content: '12345' },
  ];
  const { files } = await made.compare(imageOf([first]), imageOf([second]));
  assert.deepEqual(files.listed.map(short), [
    ['/attributes', 'attributes'],
    ['/content', 'content'],
    ['/gone', 'only first'],
    ['/kind', 'kind'],
    ['/link', 'link'],
    ['/mode', 'mode'],
    ['/new', 'only second'],
    ['/owner', 'owner'],
  ]);
  const { added, removed, changed, onlyTimes, grownBytes } = files;
  assert.deepEqual(
    { added, removed, changed, onlyTimes, grownBytes },
    { added: 1, removed: 1, changed: 6, onlyTimes: 1, grownBytes: -5 },
  );
  assert.deepEqual(files.listed[0]?.second?.xattrs, { 'user.note': Buffer.from('b').toString('base64') });
});

test('a common base is not read where it cannot matter, and once where it can', async () => {
  await using made = await images();
  const [one, two] = [
    [
      { path: 'app', content: '1' },
      { path: 'etc/motd', content: 'a' },
    ],
    [
      { path: 'app', content: '2' },
      { path: 'etc/motd', content: 'a' },
    ],
  ] as const;
  const [first, second] = [imageOf([BASE, one]), imageOf([BASE, two])];
  const base = first.layers[0]?.diffId;
  const { files } = await made.compare(first, second);
  assert.deepEqual(files.listed.map(short), [['/app', 'content']]);
  assert.deepEqual(new Set(made.opened), new Set([first.layers[1]?.diffId, second.layers[1]?.diffId]), 'not the base');

  const third = imageOf([BASE, [{ path: 'etc/motd', content: 'hello' }, { path: 'etc/more' }]]);
  assert.deepEqual((await made.compare(second, third)).files.listed.map(short), [
    ['/app', 'only first'],
    ['/etc/more', 'only second'],
    ['/etc/motd', 'content'],
  ]);
  assert.ok(made.opened.includes(base ?? ''));
  const before = made.opened.length;
  await made.compare(second, third);
  await made.compare(third, first);
  assert.equal(made.opened.length, before, 'what layers hold is known by now');
});

test('the same layers are not opened at all', async () => {
  await using made = await images();
  const { files, packages } = await made.compare(imageOf([BASE]), imageOf([BASE], { User: 'app' }));
  assert.deepEqual([files.listed, packages.differences, made.opened], [[], [], []]);
});

test('whiteouts, opaque folders and folders that became something else are what an instance sees', async () => {
  await using made = await images();
  const first = imageOf([BASE]);
  const folded = async (entries: readonly RawEntry[]): Promise<readonly unknown[]> =>
    (await made.compare(first, imageOf([BASE, entries]), { all: false })).files.listed.map(short);
  assert.deepEqual(await folded([{ path: 'srv/.wh.old' }]), [['/srv/old', 'only first', 2, 6]]);
  assert.deepEqual(await folded([{ path: 'srv/old/.wh..wh..opq' }, { path: 'srv/old/3' }]), [
    ['/srv/old/1', 'only first'],
    ['/srv/old/2', 'only first'],
    ['/srv/old/3', 'only second'],
  ]);
  assert.deepEqual(await folded([{ path: 'srv', kind: 'symlink', target: 'etc' }]), [['/srv', 'kind', 3, 6]]);
  assert.deepEqual(await folded([{ path: 'etc/.wh.motd' }, { path: 'etc/motd', content: 'hello' }]), []);
});

test('which of several names of a file is written first does not matter; that it has several does', async () => {
  await using made = await images();
  const file = { content: 'x', mode: 0o755 };
  const [one, other, apart] = [
    imageOf([
      [
        { path: 'a', ...file },
        { path: 'b', kind: 'hardlink', target: 'a' },
      ],
    ]),
    imageOf([
      [
        { path: 'b', ...file },
        { path: 'a', kind: 'hardlink', target: './b' },
      ],
    ]),
    imageOf([
      [
        { path: 'a', ...file },
        { path: 'b', ...file },
      ],
    ]),
  ];
  assert.deepEqual((await made.compare(one, other)).files.listed, []);
  assert.deepEqual((await made.compare(one, apart)).files.listed.map(short), [['/b', 'link']]);
});

test('what gained rights is never folded away, and comes first', async () => {
  await using made = await images();
  const cap = new Map([['security.capability', '\x01']]);
  const first = imageOf([[{ path: 'a' }, { path: 's', mode: 0o4755 }]]);
  const second = imageOf([
    [{ path: 'a', mode: 0o6755 }, { path: 'b' }, { path: 'new/deep/x', xattrs: cap }, { path: 's', mode: 0o4755, content: '2' }],
  ]);
  const { files } = await made.compare(first, second, { all: false, limit: 2 });
  assert.deepEqual(
    files.listed.map(({ path, gained }) => [path, ...gained]),
    [
      ['/a', 'setuid', 'setgid'],
      ['/new/deep/x', 'capabilities'],
    ],
  );
  assert.equal(files.more, 3);
});

test('two names that are not the same never look the same', async () => {
  await using made = await images();
  const names = ['\xff', '\\xff', '\xef\xbf\xbd', 'a\nb', 'ünï'].map((name) => Buffer.from(name, 'latin1').toString('latin1'));
  const entries = [...names, Buffer.from('ü').toString('latin1')].map((path): RawEntry => ({ path }));
  const { files } = await made.compare(imageOf([[]]), imageOf([entries]));
  assert.equal(new Set(files.listed.map(({ path }) => path)).size, entries.length);
  assert.ok(files.listed.some(({ path }) => path === '/ü') && files.listed.some(({ path }) => path === '/\\xff'));
});

const stanza = (name: string, version: string): string =>
  `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: amd64\n\n`;
const npm = (name: string, version: string): RawEntry => ({
  path: `app/node_modules/${name}/package.json`,
  content: JSON.stringify({ name, version }),
});

test('an upgraded package is one thing: its files are counted with it, but for what a package does not explain', async () => {
  await using made = await images();
  const image = (version: string, mode: number): ReturnType<typeof imageOf> =>
    imageOf([
      [
        { path: 'var/lib/dpkg/status', content: stanza('jq', version) + stanza('bash', '5') },
        { path: 'var/lib/dpkg/info/jq:amd64.list', content: '/.\n/usr\n/usr/bin/jq\n/lib/libjq.so\n/usr/bin/su\n' },
        { path: 'var/lib/dpkg/info/jq:amd64.md5sums', content: version },
        { path: 'usr/bin/jq', content: version },
        { path: 'usr/lib/libjq.so', content: version },
        { path: 'usr/bin/su', content: version, mode },
        { path: 'usr/bin/mine', content: version },
        npm('left-pad', version),
        { path: 'app/node_modules/left-pad/index.js', content: version },
        { path: 'app/index.js', content: version },
      ],
    ]);
  const { files, packages } = await made.compare(image('1.6', 0o755), image('1.7', 0o777), { all: false });
  assert.deepEqual(
    packages.differences.map(({ type, name, first, second, direction }) => [type, name, ...first, ...second, direction]),
    [
      ['deb', 'jq', '1.6', '1.7', 'newer'],
      ['npm', 'left-pad', '1.6', '1.7', null],
    ],
  );
  assert.deepEqual(files.listed.map(short), [
    ['/app/index.js', 'content'],
    ['/usr/bin/mine', 'content'],
    ['/usr/bin/su', 'content', 'mode'],
    ['/var/lib/dpkg/status', 'content'],
  ]);
  assert.equal(files.ofPackages, 5);
  assert.equal(files.changed, 9);
  const all = (await made.compare(image('1.6', 0o755), image('1.7', 0o777))).files.listed;
  assert.equal(all.find(({ path }) => path === '/usr/lib/libjq.so')?.package, 'jq');
});

test('changed lines are told of texts, of the version that counts; others say why not', async () => {
  await using made = await images();
  const image = (word: string): ReturnType<typeof imageOf> =>
    imageOf([
      [{ path: 'text', content: 'lower' }],
      [
        { path: 'text', content: `one\n${word}\nthree\n` },
        { path: 'binary', content: `\0${word}` },
        { path: 'etc/shadow', content: `root:${word}` },
        { path: 'conf', content: `url: postgres://ada:${word}@db/web\n` },
        { path: 'large', content: word.repeat(200_000) },
      ],
    ]);
  const { files } = await made.compare(image('a'), image('b'), { texts: true });
  const told = Object.fromEntries(files.listed.map(({ path, text }) => [path, text?.hidden ?? text?.lines]));
  assert.deepEqual(told, {
    '/binary': 'it is no text',
    '/conf': 'it may hold a secret',
    '/etc/shadow': 'it may hold a secret',
    '/large': 'it is large',
    '/text': ['@@ -1,3 +1,3 @@', ' one', '-a', '+b', ' three'],
  });
});

test('a broken layer is an error, not an answer', async () => {
  await using made = await images();
  const first = imageOf([BASE]);
  await assert.rejects(made.compare(first, imageOf([[{ path: '../x' }]])), { code: 'LAYER_UNSAFE' });
  await assert.rejects(made.compare(first, imageOf([[{ path: 'a', size: 10_000 }]])), { code: 'LAYER_UNSAFE' });
});
