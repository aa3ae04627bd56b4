import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { run } from '../platform/exec.ts';
import { unpackLayer, type UnpackOptions, type Unpacked } from './layer-reader.ts';
import { encodeHeader } from './tar-format.ts';
import { testFolder } from './testing/images.ts';
import { entryBytes, PLAIN, type RawEntry, tarOf, treeAt } from './testing/trees.ts';
import { readXattrs } from './xattrs.ts';

const ROOT = requires('root', 'setfattr', 'getfattr');

/** In a folder `out` of a folder of its own, so that what escapes is seen. */
async function unpacked(
  tar: Buffer,
  use: (out: string, result: Unpacked) => Promise<void>,
  options?: UnpackOptions,
): Promise<void> {
  await using folder = await testFolder();
  const out = join(folder.path, 'out');
  await use(out, await unpackLayer(Readable.from([tar]), out, options));
}

async function refused(tar: Buffer, names: RegExp, options?: UnpackOptions): Promise<void> {
  await using folder = await testFolder();
  await mkdir(join(folder.path, 'outside'));
  await assert.rejects(unpackLayer(Readable.from([tar]), join(folder.path, 'out'), options), {
    code: 'LAYER_UNSAFE',
    message: names,
  });
  assert.deepEqual(await readdir(folder.path), ['outside'], 'nothing of the layer is left');
  assert.deepEqual(await readdir(join(folder.path, 'outside')), [], 'nothing was written outside');
}

const HOSTILE: readonly [why: string, entries: readonly RawEntry[], names: RegExp][] = [
  ['an absolute path', [{ path: '/outside/x' }], /"\/outside\/x" has an absolute path/],
  ['a path that leads out', [{ path: '../outside/x' }], /leads out/],
  ['a path that leads out in its middle', [{ path: 'a/../../outside/x' }], /leads out/],
  ['a long path that leads out', [{ path: `${'a/'.repeat(80)}${'../'.repeat(81)}outside/x` }], /leads out/],
  ['a file through a link', [{ path: 'l', kind: 'symlink', target: '../outside' }, { path: 'l/x' }], /"l\/x" leads through "l"/],
  [
    'a folder through a link',
    [{ path: 'l', kind: 'symlink', target: '../outside' }, { path: 'l/', kind: 'folder' }, { path: 'l/x/../../y' }],
    /leads out/,
  ],
  [
    'a link through a link',
    [
      { path: 'l', kind: 'symlink', target: '/' },
      { path: 'l/tmp/x', kind: 'symlink', target: 'y' },
    ],
    /leads through/,
  ],
  ['a hard link to a file outside', [{ path: 'h', kind: 'hardlink', target: '../../etc/passwd' }], /leads out/],
  ['a hard link to an absolute path', [{ path: 'h', kind: 'hardlink', target: '/etc/passwd' }], /"h" leads to "\/etc\/passwd"/],
  [
    'a hard link through a link',
    [
      { path: 'l', kind: 'symlink', target: '/etc' },
      { path: 'h', kind: 'hardlink', target: 'l/passwd' },
    ],
    /no file of the layer/,
  ],
  [
    'a hard link to a folder',
    [
      { path: 'd', kind: 'folder' },
      { path: 'h', kind: 'hardlink', target: 'd' },
    ],
    /no file of the layer/,
  ],
  [
    'a folder that becomes a link',
    [{ path: 'd/x' }, { path: 'd', kind: 'symlink', target: '../outside' }, { path: 'd/y' }],
    /in the place of a folder/,
  ],
  ['a root that becomes a link', [{ path: '.', kind: 'symlink', target: '../outside' }], /root is a symlink/],
  ['a file in a file', [{ path: 'a' }, { path: 'a/b' }], /leads through "a", which is a file/],
  ['a device', [{ path: 'sda', kind: 'block', device: { major: 8, minor: 0 } }], /"sda" is a device/],
  ['a character device', [{ path: 'mem', kind: 'character', device: { major: 1, minor: 1 } }], /"mem" is a device/],
  ['a block device 0/0', [{ path: 'b', kind: 'block' }], /"b" is a device/],
  ['a whiteout of the folder above', [{ path: 'a/.wh...' }], /whiteout of nothing/],
  ['a whiteout of the folder itself', [{ path: 'a/.wh..' }], /whiteout of nothing/],
  ['a whiteout without a name', [{ path: '.wh.' }], /whiteout of nothing/],
  ['a whiteout through a link', [{ path: 'l', kind: 'symlink', target: '../outside' }, { path: 'l/.wh.x' }], /leads through/],
  [
    'an opaque mark through a link',
    [{ path: 'l', kind: 'symlink', target: '../outside' }, { path: 'l/.wh..wh..opq' }],
    /leads through/,
  ],
  [
    'an overlay redirect',
    [{ path: 'd', kind: 'folder', xattrs: new Map([['trusted.overlay.redirect', '/etc']]) }],
    /overlay\.redirect/,
  ],
  [
    'a capability that is none',
    [{ path: 'f', xattrs: new Map([['security.capability', 'nonsense']]) }],
    /impossible extended attribute/,
  ],
  ['an owner that means nobody', [{ path: 'f', uid: 2 ** 32 - 1 }], /impossible owner/],
  ['a link without a target', [{ path: 'l', kind: 'symlink', target: '' }], /impossible target/],
  ['a name longer than Linux has', [{ path: 'n'.repeat(256) }], /longer name/],
  ['a path longer than Linux has', [{ path: 'n/'.repeat(3000) }], /longer name/],
  ['a file of terabytes', [{ path: 'f', size: 2 ** 45 }], /claims 35184372088832 bytes/],
];

for (const [why, entries, names] of HOSTILE)
  test(`a layer with ${why} is refused`, ROOT, () => refused(tarOf(...entries), names));

test('a layer over its limits is refused', ROOT, async () => {
  const many = tarOf(...Array.from({ length: 20 }, (_, at) => ({ path: `${at}` })));
  await refused(many, /more than 10 entries/, { limits: { entries: 10 } });
  await refused(many, /more than 5000 bytes/, { limits: { bytes: 5000 } });
  await refused(many, /more than 10 times its 100 bytes/, { storedBytes: 100, limits: { ratio: 10, ratioFromBytes: 1000 } });
  await unpacked(many, async (out) => assert.equal((await readdir(out)).length, 20), { storedBytes: 100, limits: { ratio: 10 } });
});

test('a layer that is cut anywhere before its end mark is refused', ROOT, async () => {
  const tar = tarOf({ path: 'a', content: 'x'.repeat(700) }, { path: `${'long/'.repeat(30)}b`, content: 'y' });
  const end = tar.length - 1024;
  for (let cut = 0; cut <= end; cut += 97) await refused(tar.subarray(0, cut), /cut short/);
});

test('a damaged header, unknown type, malformed record or sparse file is refused', ROOT, async () => {
  const tar = tarOf({ path: 'a' });
  await refused(Buffer.from(tar.with(0, 0x62)), /wrong checksum/);
  await refused(Buffer.alloc(2048, 'not a tar '), /checksum|malformed/);
  await refused(withType(encodeHeader({ ...PLAIN, path: 'v' }), 'V'), /unknown type "V"/);
  for (const record of ['6 a=\n', '0 a=b\n', '6 ab=c\n', '06 a=b\n', '9 a=b\n', 'x', '6 a b\n'])
    await refused(pax(record), /PAX record/);
  await refused(pax('21 GNU.sparse.major=1\n'.replace('21', '22')), /sparse/);
  for (const record of ['12 size=-50\n', '12 size=1e9\n', '11 uid=abc\n', '17 mtime=nonsens\n'])
    await refused(pax(record), /has (?:the|a malformed)/);
});

function withType(block: Buffer, type: string): Buffer {
  const changed = Buffer.from(block);
  changed.write(type, 156);
  changed.fill(' ', 148, 156);
  const sum = changed.reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([changed, Buffer.alloc(1024)]);
}

/** A PAX header with this body, then a file. */
function pax(body: string): Buffer {
  const header = withType(encodeHeader({ ...PLAIN, path: 'x', size: body.length }), 'x').subarray(0, 512);
  return Buffer.concat([header, Buffer.from(body.padEnd(512, '\0')), tarOf({ path: 'f' })]);
}

test('modes, owners, times, links and attributes are kept', ROOT, () =>
  unpacked(
    tarOf(
      { path: 'd/', kind: 'folder', mode: 0o1777, gid: 7, mtimeSeconds: 1000 },
      {
        path: 'd/f',
        mode: 0o4711,
        uid: 12,
        gid: 34,
        mtimeSeconds: 99,
        content: 'x',
        xattrs: new Map([
          ['security.capability', CAPABILITY],
          ['user.note', 'é\n\0'],
        ]),
      },
      { path: 'd/l', kind: 'symlink', target: '/nowhere/at all', uid: 5, mtimeSeconds: 77 },
      { path: 'd/h', kind: 'hardlink', target: 'd/f' },
      { path: 'd/p', kind: 'fifo', mode: 0o620, uid: 8, mtimeSeconds: 55 },
      { path: 'closed/', kind: 'folder', mode: 0o000, mtimeSeconds: 3 },
      { path: 'closed/f', content: 'y' },
    ),
    async (out) => {
      const [d, f, l, h, p] = await Promise.all(['d', 'd/f', 'd/l', 'd/h', 'd/p'].map((name) => lstat(join(out, name))));
      assert.deepEqual([d?.mode, d?.gid, d?.mtimeMs], [0o41777, 7, 1_000_000]);
      assert.deepEqual([f?.mode, f?.uid, f?.gid, f?.mtimeMs, f?.nlink], [0o104711, 12, 34, 99_000, 2]);
      assert.deepEqual([l?.uid, l?.mtimeMs, await readlink(join(out, 'd/l'))], [5, 77_000, '/nowhere/at all']);
      assert.equal(h?.ino, f?.ino);
      assert.deepEqual([p?.isFIFO(), (p?.mode ?? 0) & 0o777, p?.uid, p?.mtimeMs], [true, 0o620, 8, 55_000]);
      assert.deepEqual((await lstat(join(out, 'closed'))).mtimeMs, 3000);
      assert.deepEqual(Object.fromEntries((await readXattrs(out)).get('d/f') ?? []), {
        'security.capability': CAPABILITY,
        'user.note': 'é\n\0',
      });
      assert.equal((await stat(out)).mode, 0o40755);
    },
  ),
);

/** cap_net_bind_service=ep, in the kernel's VFS_CAP_REVISION_2. */
const CAPABILITY = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1');

test("whiteouts become overlayfs's, and hide lower layers only", requires('root', 'setfattr', 'getfattr', 'mount'), async () => {
  await using folder = await testFolder();
  const at = (name: string): string => join(folder.path, name);
  const lower = tarOf(
    { path: 'gone' },
    { path: 'kept' },
    { path: 'again', content: 'old' },
    { path: 'emptied/old' },
    { path: 'anew/old' },
    { path: 'deep/er/gone' },
    { path: 'deep/er/kept' },
  );
  const upper = tarOf(
    { path: '.wh.gone' },
    { path: '.wh.again' },
    { path: 'again', content: 'new' },
    { path: 'emptied/new' },
    { path: 'emptied/.wh..wh..opq' },
    { path: 'anew/', kind: 'folder' },
    { path: '.wh.anew' },
    { path: 'deep/er/.wh.gone' },
    { path: '.wh..wh.aufs' },
    { path: '.wh..wh.plnk/1.2' },
    { path: 'device', kind: 'character' },
  );
  await unpackLayer(Readable.from([lower]), at('lower'));
  const { impliedFolders } = await unpackLayer(Readable.from([upper]), at('upper'));
  assert.deepEqual(impliedFolders, ['emptied', 'deep', 'deep/er']);
  const removed = await lstat(at('upper/gone'));
  assert.deepEqual([removed.isCharacterDevice(), removed.rdev, (await lstat(at('upper/device'))).rdev], [true, 0, 0]);
  await mkdir(at('merged'));
  await run('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${at('upper')}:${at('lower')}`, at('merged')]);
  try {
    const seen = (await readdir(at('merged'), { recursive: true })).toSorted();
    assert.deepEqual(seen, ['again', 'anew', 'deep', 'deep/er', 'deep/er/kept', 'emptied', 'emptied/new', 'kept']);
    assert.equal(await readFile(at('merged/again'), 'utf8'), 'new');
  } finally {
    await run('umount', [at('merged')]);
  }
});

test('a path that comes twice is what came last; its first form leaves no trace', ROOT, () =>
  unpacked(
    tarOf(
      { path: 'f', content: 'long content', xattrs: new Map([['user.a', 'b']]) },
      { path: 'g', kind: 'hardlink', target: 'f' },
      { path: 'f', content: 'new' },
      { path: 'l', kind: 'symlink', target: '/etc' },
      { path: 'l/', kind: 'folder' },
      { path: 'l/passwd', content: 'mine' },
      { path: 'p', kind: 'fifo' },
      { path: 'p', content: 'file' },
      { path: './l//.///x', content: 'clean' },
    ),
    async (out) => {
      assert.equal(await readFile(join(out, 'f'), 'utf8'), 'new');
      assert.equal(await readFile(join(out, 'g'), 'utf8'), 'long content');
      assert.equal((await readXattrs(out)).get('f'), undefined);
      assert.deepEqual((await readdir(out, { recursive: true })).toSorted(), ['f', 'g', 'l', 'l/passwd', 'l/x', 'p']);
      assert.equal(await readFile(join(out, 'p'), 'utf8'), 'file');
    },
  ),
);

test('names are bytes: those that are no UTF-8 or hold line ends are kept', ROOT, () =>
  unpacked(
    tarOf(
      { path: 'caf\xe9', xattrs: new Map([['user.x', '1']]) },
      { path: 'a\nb\\ =', xattrs: new Map([['user.x', '2']]) },
      { path: '.wh.\xff' },
    ),
    async (out) => {
      assert.deepEqual((await readdir(out, 'latin1')).toSorted(), ['a\nb\\ =', 'caf\xe9', '\xff']);
      const xattrs = await readXattrs(out);
      assert.deepEqual(
        ['caf\xe9', 'a\nb\\ ='].map((name) => xattrs.get(name)?.get('user.x')),
        ['1', '2'],
      );
    },
  ),
);

for (const format of ['gnu', 'pax', 'ustar', 'v7', 'oldgnu']) {
  test(`an archive of GNU tar in format ${format} is read`, requires('root', 'tar', 'getfattr'), async () => {
    await using folder = await testFolder();
    const root = join(folder.path, 'root');
    const long = format === 'v7' || format === 'ustar' ? 'x' : 'é'.repeat(100);
    await mkdir(join(root, 'd', long), { recursive: true });
    await writeFile(join(root, 'd', long, 'file'), Buffer.alloc(100_000, 1));
    await run('tar', ['-C', root, `--format=${format}`, '-cf', join(folder.path, 'tar'), '.']);
    await unpackLayer(Readable.from([await readFile(join(folder.path, 'tar'))]), join(folder.path, 'out'));
    assert.deepEqual(await treeAt(join(folder.path, 'out')), await treeAt(root));
  });
}

test('chunks of any size are the same archive', ROOT, async () => {
  await using folder = await testFolder();
  const tar = Buffer.concat([
    ...entryBytes({ path: 'é'.repeat(90), content: 'x'.repeat(1234) }),
    tarOf({ path: 'b', content: 'y' }),
  ]);
  const trees = [];
  for (const size of [1, 7, 512, 513, 4096]) {
    const chunks = Array.from({ length: Math.ceil(tar.length / size) }, (_, at) => tar.subarray(at * size, (at + 1) * size));
    await unpackLayer(Readable.from(chunks), join(folder.path, `${size}`));
    trees.push(await treeAt(join(folder.path, `${size}`)));
  }
  for (const tree of trees) assert.deepEqual(tree, trees[0]);
});

test('a folder that is not empty is not unpacked over, and a stream that fails leaves nothing', ROOT, async () => {
  await using folder = await testFolder();
  await writeFile(join(folder.path, 'mine'), '');
  await assert.rejects(unpackLayer(Readable.from([tarOf()]), folder.path), /not empty/);
  assert.ok(existsSync(join(folder.path, 'mine')));
  const failing = Readable.from(
    (async function* () {
      yield tarOf({ path: 'f', content: 'x'.repeat(5000) }).subarray(0, 2000);
      throw new Error('gone');
    })(),
  );
  await assert.rejects(unpackLayer(failing, join(folder.path, 'out')), /gone/);
  assert.deepEqual(await readdir(folder.path), ['mine']);
});

test('a full disk is DISK_FULL, and the folder is gone', requires('root', 'mount'), async () => {
  await using folder = await testFolder();
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]);
  try {
    const tar = tarOf({ path: 'a', content: 'x'.repeat(2 << 20) });
    await assert.rejects(unpackLayer(Readable.from([tar]), join(folder.path, 'out')), { code: 'DISK_FULL' });
    assert.deepEqual(await readdir(folder.path), []);
  } finally {
    await run('umount', [folder.path]);
  }
});
