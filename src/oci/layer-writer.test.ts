import assert from 'node:assert/strict';
import { chmod, link, lutimes, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { exec, run } from '../platform/exec.ts';
import { openImageStore } from './layout.ts';
import { type LayerEntry, layerFromFolder, writeLayer } from './layer-writer.ts';
import type { ImageStore, Layer } from './store.ts';
import { fileEntry, testFolder } from './testing/images.ts';

const EPOCH = 1_000_000_000;
const OPTIONS = { epochSeconds: EPOCH, overlay: false };
const folderEntry = (path: string): LayerEntry => ({ kind: 'folder', path, mode: 0o755, uid: 0, gid: 0 });

async function withStore(use: (store: ImageStore, folder: string) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  await use(await openImageStore(join(folder.path, 'store')), folder.path);
}

/** As GNU tar lists it. */
async function listed(store: ImageStore, layer: Layer): Promise<readonly string[]> {
  const path = await store.blobPath(layer.descriptor.digest);
  const text = await run('tar', [
    '--list',
    '--verbose',
    '--numeric-owner',
    '--utc',
    '--full-time',
    '--quoting-style=literal',
    '-zf',
    path,
  ]);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
}

test('a layer is what its entries say, as GNU tar reads it', requires('tar'), () =>
  withStore(async (store) => {
    const layer = await writeLayer(
      store,
      [
        { kind: 'symlink', path: 'app/current', target: 'server.js', mode: 0o777, uid: 0, gid: 0 },
        { ...fileEntry('app/server.js', 'code'), mode: 0o4755, uid: 3_000_000, gid: 5 } as LayerEntry,
        { kind: 'whiteout', path: 'etc/old' },
        { kind: 'hardlink', path: 'app/z', target: 'app/server.js', mode: 0o755, uid: 0, gid: 0 },
        folderEntry('app'),
        fileEntry(`app/${'é'.repeat(80)}`, 'long'),
      ],
      { epochSeconds: EPOCH },
    );
    const time = '2001-09-09 01:46:40';
    assert.deepEqual(await listed(store, layer), [
      `drwxr-xr-x 0/0 0 ${time} app/`,
      `lrwxrwxrwx 0/0 0 ${time} app/current -> server.js`,
      `-rwsr-xr-x 3000000/5 4 ${time} app/server.js`,
      `hrwxr-xr-x 0/0 0 ${time} app/z link to app/server.js`,
      `-rw-r--r-- 0/0 4 ${time} app/${'é'.repeat(80)}`,
      `-rw-r--r-- 0/0 0 ${time} etc/.wh.old`,
    ]);
  }),
);

test('a path twice, a path that leads out and a name that means "removed" are refused', () =>
  withStore(async (store) => {
    for (const path of ['/etc/passwd', '../x', 'a/../b', 'a//b', 'a/', '', '.', '.wh.x', 'a/.wh.x', 'a\0b']) {
      await assert.rejects(writeLayer(store, [fileEntry(path, '')], { epochSeconds: 0 }), { code: 'LAYER_UNSAFE' }, path);
    }
    await assert.rejects(writeLayer(store, [fileEntry('a', '1'), fileEntry('a', '2')], { epochSeconds: 0 }), {
      code: 'LAYER_UNSAFE',
    });
  }));

async function plant(root: string, order: readonly number[]): Promise<void> {
  for (const at of order) {
    await mkdir(join(root, `folder-${at}`), { recursive: true });
    await writeFile(join(root, `folder-${at}`, 'file'), `content ${at}`);
    await writeFile(join(root, `folder-${at}.txt`), '');
    await symlink('nowhere', join(root, `folder-${at}`, 'link'));
  }
  for (const at of order) {
    await chmod(join(root, `folder-${at}`), 0o750);
    await chmod(join(root, `folder-${at}`, 'file'), 0o640);
    await chmod(join(root, `folder-${at}.txt`), 0o600);
  }
}

test(
  'the same tree has the same digest in another place, order, umask, day, and as a list of entries',
  requires('getfattr'),
  () =>
    withStore(async (store, folder) => {
      const [one, two] = [join(folder, 'one'), join(folder, 'in', 'another', 'place')];
      await plant(one, [1, 2, 3]);
      const umask = process.umask(0o077);
      await plant(two, [3, 1, 2]).finally(() => process.umask(umask));
      const now = new Date(Date.now() + 86_400_000);
      await utimes(join(two, 'folder-1', 'file'), now, now);

      const first = await layerFromFolder(store, one, OPTIONS);
      assert.deepEqual(await layerFromFolder(store, two, OPTIONS), first);
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      const entries = [3, 2, 1].flatMap((at): LayerEntry[] => [
        { ...fileEntry(`folder-${at}.txt`, ''), ...owner, mode: 0o600 } as LayerEntry,
        { ...fileEntry(`folder-${at}/file`, `content ${at}`), ...owner, mode: 0o640 } as LayerEntry,
        { kind: 'symlink', path: `folder-${at}/link`, target: 'nowhere', ...owner, mode: 0o777 },
        { kind: 'folder', path: `folder-${at}`, ...owner, mode: 0o750 },
      ]);
      assert.deepEqual(await writeLayer(store, entries, { epochSeconds: EPOCH }), first);
    }),
);

test('times are clamped to the epoch; earlier ones are kept', requires('getfattr', 'tar'), () =>
  withStore(async (store, folder) => {
    const root = join(folder, 'root');
    await plant(root, [1]);
    await utimes(join(root, 'folder-1', 'file'), 5, 5);
    await lutimes(join(root, 'folder-1', 'link'), 0.9, 0.9);
    const lines = await listed(store, await layerFromFolder(store, root, OPTIONS));
    assert.match(lines.join('\n'), /1970-01-01 00:00:05 folder-1\/file/);
    assert.match(lines.join('\n'), /1970-01-01 00:00:00 folder-1\/link/);
    assert.match(lines.join('\n'), /2001-09-09 01:46:40 folder-1\/\n/);
  }),
);

test('hard links stay links, and sockets and devices stay out', requires('root', 'getfattr', 'tar'), () =>
  withStore(async (store, folder) => {
    const root = join(folder, 'root');
    await mkdir(root);
    await writeFile(join(root, 'b'), 'x');
    await link(join(root, 'b'), join(root, 'a'));
    await run('mknod', [join(root, 'null'), 'c', '1', '3']);
    const server = createServer().listen(join(root, 'socket'));
    await once(server, 'listening');
    const lines = await listed(store, await layerFromFolder(store, root, OPTIONS));
    server.close();
    assert.deepEqual(
      lines.map((line) => line.replace(/.*:\d\d /, '')),
      ['a', 'b link to a'],
    );
  }),
);

test(
  'an overlay upper directory becomes OCI whiteouts; redirects are refused',
  requires('root', 'getfattr', 'setfattr', 'tar'),
  () =>
    withStore(async (store, folder) => {
      const upper = join(folder, 'upper');
      await mkdir(join(upper, 'gone-and-back', 'sub'), { recursive: true });
      await run('mknod', [join(upper, 'removed'), 'c', '0', '0']);
      await run('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(upper, 'gone-and-back')]);
      await run('setfattr', ['-n', 'trusted.overlay.origin', '-v', 'x', join(upper, 'gone-and-back')]);
      const overlay = { ...OPTIONS, overlay: true };
      const names = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/.*:\d\d /, ''));
      assert.deepEqual(names(await listed(store, await layerFromFolder(store, upper, overlay))), [
        '.wh.removed',
        'gone-and-back/',
        'gone-and-back/.wh..wh..opq',
        'gone-and-back/sub/',
      ]);
      assert.deepEqual(names(await listed(store, await layerFromFolder(store, upper, OPTIONS))), [
        'gone-and-back/',
        'gone-and-back/sub/',
      ]);
      for (const mark of ['redirect', 'metacopy']) {
        await run('setfattr', ['-n', `trusted.overlay.${mark}`, '-v', '/x', join(upper, 'gone-and-back', 'sub')]);
        await assert.rejects(layerFromFolder(store, upper, overlay), { code: 'LAYER_UNSAFE', message: new RegExp(mark) });
        await run('setfattr', ['-x', `trusted.overlay.${mark}`, join(upper, 'gone-and-back', 'sub')]);
      }
    }),
);

test('a file that shrinks while it is read is an error, not a broken layer', () =>
  withStore(async (store, folder) => {
    await writeFile(join(folder, 'short'), 'abc');
    const entry = { ...fileEntry('a', ''), content: { from: join(folder, 'short'), size: 10 } } as LayerEntry;
    await assert.rejects(writeLayer(store, [entry], { epochSeconds: 0 }), { code: 'FILE_UNREADABLE' });
  }));

test('the compressed form is gzip of one fixed header, however long the layer', requires('gzip'), () =>
  withStore(async (store) => {
    const layer = await writeLayer(store, [fileEntry('zero', Buffer.alloc(3 << 20))], { epochSeconds: 0 });
    const path = await store.blobPath(layer.descriptor.digest);
    assert.equal((await readFile(path)).subarray(0, 10).toString('hex'), '1f8b08000000000000ff');
    assert.equal((await exec('gzip', ['-t'], { input: await readFile(path) })).code, 0);
    const tar = Buffer.concat(await (await store.openLayer(layer)).toArray());
    assert.equal(tar.length, 512 + (3 << 20) + 1024);
  }),
);
