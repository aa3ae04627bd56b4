import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { requires } from '../../test/requires.ts';
import { type Digest, hexOf } from '../domain/digest.ts';
import { run } from '../platform/exec.ts';
import { sha256 } from '../platform/hash.ts';
import { openImageStore } from './layout.ts';
import type { Layer } from './store.ts';
import { age, configOf, fileEntry, HOUR, putTestImage, testFolder, withStore } from './testing/images.ts';

const blobNames = async (folder: string): Promise<string[]> => (await readdir(join(folder, 'blobs', 'sha256'))).toSorted();
const incoming = (folder: string): Promise<string[]> => readdir(join(folder, '.incoming')).catch(() => []);

test('an image comes back as it was put', () =>
  withStore(async (store, folder) => {
    const digest = await putTestImage(store, [[fileEntry('a', '1')], [fileEntry('b', '2')]]);
    const image = await store.image(digest);
    assert.equal(image.layers.length, 2);
    assert.deepEqual(image.config, configOf(image.layers));
    const sizes = await Promise.all(
      (await blobNames(folder)).map(async (name) => (await stat(join(folder, 'blobs/sha256', name))).size),
    );
    assert.equal(
      image.size,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    assert.deepEqual(
      (await (await openImageStore(folder)).list()).map((stored) => stored.digest),
      [digest],
    );
  }));

test('the same image put twice is one, under one digest', () =>
  withStore(async (store) => {
    const put = (): Promise<Digest> => putTestImage(store, [[fileEntry('a', '1')]]);
    assert.equal(await put(), await put());
    assert.equal((await store.list()).length, 1);
  }));

test('tags are immutable, and the same again is success', () =>
  withStore(async (store) => {
    const [one, other] = [await putTestImage(store, [[fileEntry('a', '1')]]), await putTestImage(store, [[fileEntry('a', '2')]])];
    await store.tag(one, 'web:1.0.0');
    await store.tag(one, 'web:1.0.0');
    await store.tag(one, 'web:9e2d7c1');
    await assert.rejects(store.tag(other, 'web:1.0.0'), { code: 'TAG_IMMUTABLE' });
    await assert.rejects(store.tag(sha256('nothing'), 'web:2'), { code: 'IMAGE_NOT_FOUND' });
    assert.deepEqual((await store.list()).find((image) => image.digest === one)?.tags, ['web:1.0.0', 'web:9e2d7c1']);
    assert.equal(await store.resolve('web:1.0.0'), one);
    await store.tag(one, 'docker.io/library/debian:bookworm');
    assert.equal(await store.resolve('debian:bookworm'), one);
  }));

test('`latest`, a tag without a version and malformed ones are refused with the reason', () =>
  withStore(async (store) => {
    const digest = await putTestImage(store, []);
    await assert.rejects(store.tag(digest, 'web:latest'), { code: 'TAG_REFUSED', message: /another image tomorrow/ });
    await assert.rejects(store.tag(digest, 'web'), { code: 'TAG_REFUSED', message: /no version/ });
    for (const tag of ['Web:1', 'web:', '', '../web:1', `web@${digest}`])
      await assert.rejects(store.tag(digest, tag), { code: 'TAG_REFUSED' });
  }));

test('an image is found by digest, by an unambiguous prefix and by tag, and else told what is near', () =>
  withStore(async (store) => {
    const digest = await putTestImage(store, []);
    await store.tag(digest, 'web:1.2.0');
    for (const name of [digest, digest.slice(0, 13), hexOf(digest).slice(0, 6), 'web:1.2.0'])
      assert.equal(await store.resolve(name), digest);
    await assert.rejects(store.resolve('web:1.2.1'), { code: 'IMAGE_NOT_FOUND', hint: /web:1\.2\.0/ });
    await assert.rejects(store.resolve(hexOf(digest).slice(0, 5)), { code: 'IMAGE_NOT_FOUND' });
    await assert.rejects(store.resolve(sha256('nothing')), { code: 'IMAGE_NOT_FOUND' });
  }));

test('callers at the same time lose nothing of the index', () =>
  withStore(async (store) => {
    const digests = await Promise.all(Array.from({ length: 20 }, (_, at) => putTestImage(store, [[fileEntry('a', `${at}`)]])));
    await Promise.all(digests.map((digest, at) => store.tag(digest, `web:${at}`)));
    const listed = await store.list();
    assert.deepEqual(listed.flatMap((image) => image.tags).toSorted(), digests.map((_, at) => `web:${at}`).toSorted());
  }));

test('content with another digest or size leaves nothing behind', () =>
  withStore(async (store, folder) => {
    const wrong: readonly [Readable | Uint8Array, { digest: Digest; size?: number }][] = [
      [Buffer.from('abc'), { digest: sha256('abd') }],
      [Buffer.from('abc'), { digest: sha256('abc'), size: 2 }],
      [Readable.from([Buffer.from('ab'), Buffer.from('c')]), { digest: sha256('abc'), size: 4 }],
    ];
    for (const [content, expected] of wrong) await assert.rejects(store.putBlob(content, expected), { code: 'DIGEST_MISMATCH' });
    assert.deepEqual([await blobNames(folder), await incoming(folder)], [[], []]);
  }));

test('a stream that fails leaves nothing behind', () =>
  withStore(async (store, folder) => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('abc');
        throw new Error('gone');
      })(),
    );
    await assert.rejects(store.putBlob(failing), /gone/);
    assert.deepEqual([await blobNames(folder), await incoming(folder)], [[], []]);
  }));

test('an image whose config, manifest or layer was changed on disk is not given out', () =>
  withStore(async (store, folder) => {
    const digest = await putTestImage(store, [[fileEntry('a', '1')]]);
    const image = await store.image(digest);
    const layer = image.layers[0] as Layer;
    const path = join(folder, 'blobs/sha256', hexOf(layer.descriptor.digest));
    const bytes = await readFile(path);
    await writeFile(path, bytes.with(20, (bytes[20] ?? 0) ^ 1));
    await assert.rejects(
      async () => (await store.openLayer(layer)).toArray(),
      /DIGEST_MISMATCH|image specification|expected sha256/,
    );
    await writeFile(path, bytes.subarray(1));
    await assert.rejects(store.image(digest), { code: 'IMAGE_INVALID' });
    await writeFile(path, bytes);
    const manifest = join(folder, 'blobs/sha256', hexOf(digest));
    await writeFile(manifest, `${await readFile(manifest, 'utf8')} `);
    await assert.rejects(store.image(digest), { code: 'DIGEST_MISMATCH' });
  }));

test('whatever of an image was damaged on disk is whole again once the image was put again', () =>
  withStore(async (store, folder) => {
    const digest = await putTestImage(store, [[fileEntry('a', '1')]]);
    for (const name of await blobNames(folder)) await writeFile(join(folder, 'blobs/sha256', name), 'damage');
    assert.equal(await putTestImage(store, [[fileEntry('a', '1')]]), digest);
    const { layers } = await store.image(digest);
    for (const layer of layers) assert.ok((await (await store.openLayer(layer)).toArray()).length > 0);
  }));

test('a transfer of a blob that is there, but cut short, fetches it again', () =>
  withStore(async (store) => {
    const bytes = Buffer.from('content');
    const expected = await store.putBlob(bytes);
    await writeFile(await store.blobPath(expected.digest), 'cont');
    assert.equal(await store.hasBlob(expected.digest, expected.size), false);
    await store.fetchBlob(expected, async () => ({ content: Readable.from([bytes]), offset: 0 }));
    assert.equal(await store.hasBlob(expected.digest, expected.size), true);
  }));

test('a layer opens under each compression, and a tar that is not its diff id fails at the end', () =>
  withStore(async (store) => {
    const tar = Buffer.alloc(4096, 7);
    const forms = { '': tar, '+gzip': gzipSync(tar), '+zstd': zstdCompressSync(tar) };
    for (const [suffix, bytes] of Object.entries(forms)) {
      const blob = await store.putBlob(bytes);
      const descriptor = { mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`, ...blob };
      assert.deepEqual(Buffer.concat(await (await store.openLayer({ descriptor, diffId: sha256(tar) })).toArray()), tar);
      await assert.rejects(async () => (await store.openLayer({ descriptor, diffId: sha256('x') })).toArray(), {
        code: 'DIGEST_MISMATCH',
      });
    }
    const cut = await store.putBlob(gzipSync(tar).subarray(0, 20));
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...cut };
    await assert.rejects(async () => (await store.openLayer({ descriptor, diffId: sha256(tar) })).toArray(), {
      code: 'IMAGE_INVALID',
    });
  }));

test('an image is not added before all its blobs are there', () =>
  withStore(async (store) => {
    const layer: Layer = {
      descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256('absent'), size: 1 },
      diffId: sha256('absent'),
    };
    await assert.rejects(store.putImage(configOf([layer]), [layer], {}), { code: 'IMAGE_INVALID' });
    assert.deepEqual(await store.list(), []);
  }));

test('garbage is what nobody keeps and no kept image names; the plan says it first', () =>
  withStore(async (store, folder) => {
    const shared = [fileEntry('shared', 'x')];
    const kept = await putTestImage(store, [shared, [fileEntry('a', '1')]]);
    const left = await putTestImage(store, [shared, [fileEntry('a', '2')]]);
    await store.tag(left, 'web:0.9');
    const { digest: orphan } = await store.putBlob(Buffer.from('orphan'));
    await age(folder);

    const plan = await store.planGc(new Set([kept]), HOUR / 2);
    assert.deepEqual(plan.images, [{ digest: left, tags: ['web:0.9'] }]);
    const leaving = await store.image(left);
    const own = leaving.layers[1] as Layer;
    assert.ok(plan.blobs.includes(orphan) && plan.blobs.includes(left) && plan.blobs.includes(own.descriptor.digest));
    assert.equal(plan.blobs.length, 4); // With the configuration; not the shared layer.
    await store.collect(plan);
    await assert.rejects(store.image(left), { code: 'IMAGE_NOT_FOUND' });
    assert.equal((await store.image(kept)).layers.length, 2);
    assert.equal((await blobNames(folder)).length, 4);
  }));

test('nothing young is garbage, nor what was asked for after the plan', () =>
  withStore(async (store, folder) => {
    const { digest: asked } = await store.putBlob(Buffer.from('asked for'));
    await age(folder);
    const { digest: young } = await store.putBlob(Buffer.from('young'));
    const plan = await store.planGc(new Set(), HOUR / 2);
    assert.deepEqual(plan.blobs, [asked]);
    assert.ok(await store.hasBlob(asked)); // A bake finds its layer in place and relies on it.
    await store.collect(plan);
    assert.deepEqual(await blobNames(folder), [hexOf(asked), hexOf(young)].toSorted());
  }));

test('a broken-off transfer goes on where it stopped', () =>
  withStore(async (store, folder) => {
    const bytes = randomBytes(100_000);
    const expected = { digest: sha256(bytes), size: bytes.length };
    const from = (start: number, end: number) => (): Promise<{ content: Readable; offset: number }> =>
      Promise.resolve({ content: Readable.from([bytes.subarray(start, end)]), offset: start });
    await assert.rejects(store.fetchBlob(expected, from(0, 40_000)), /40000 of 100000/);
    const asked: number[] = [];
    await store.fetchBlob(expected, (offset) => {
      asked.push(offset);
      return from(offset, 100_000)();
    });
    assert.deepEqual(asked, [40_000]);
    assert.ok(await store.hasBlob(expected.digest));
    assert.deepEqual(await incoming(folder), []);
  }));

test('a transfer to whose beginning a lie was kept starts anew after the mismatch', () =>
  withStore(async (store) => {
    const bytes = Buffer.from('the right content');
    const expected = { digest: sha256(bytes), size: bytes.length };
    const asked: number[] = [];
    const content =
      (text: string) =>
      (offset: number): Promise<{ content: Readable; offset: number }> => {
        asked.push(offset);
        return Promise.resolve({ content: Readable.from([Buffer.from(text).subarray(offset)]), offset });
      };
    await assert.rejects(store.fetchBlob(expected, content('the wrong')), /9 of 17/);
    await store.fetchBlob(expected, content('the right content'));
    await assert.rejects(store.fetchBlob({ digest: sha256('x'), size: 5 }, content('wrong')), { code: 'DIGEST_MISMATCH' });
    assert.deepEqual(asked, [0, 9, 0, 0]);
  }));

test('transfers of one blob at a time fetch it once', () =>
  withStore(async (store) => {
    const bytes = randomBytes(1000);
    let opened = 0;
    const openAt = (offset: number): Promise<{ content: Readable; offset: number }> => {
      opened += 1;
      return Promise.resolve({ content: Readable.from([bytes]), offset });
    };
    await Promise.all([1, 2, 3].map(() => store.fetchBlob({ digest: sha256(bytes), size: 1000 }, openAt)));
    assert.equal(opened, 1);
  }));

test('a folder that is something else is not taken for a layout', async () => {
  await using folder = await testFolder();
  await writeFile(join(folder.path, 'oci-layout'), '{"imageLayoutVersion":"9.9.9"}');
  await assert.rejects(openImageStore(folder.path), { code: 'IMAGE_INVALID' });
});

test('a full disk is DISK_FULL and leaves nothing half written', requires('root'), async () => {
  await using folder = await testFolder();
  const disk = join(folder.path, 'disk');
  await mkdir(disk);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  try {
    const store = await openImageStore(disk);
    await assert.rejects(store.putBlob(Buffer.alloc(2 << 20)), { code: 'DISK_FULL' });
    const big = { digest: sha256('x'), size: 2 << 20 };
    await assert.rejects(
      store.fetchBlob(big, () => Promise.resolve({ content: Readable.from([Buffer.alloc(2 << 20)]), offset: 0 })),
      { code: 'DISK_FULL' },
    );
    assert.deepEqual([await blobNames(disk), await incoming(disk)], [[], []]);
    await putTestImage(store, [[fileEntry('a', 'small')]]);
  } finally {
    await run('umount', [disk]);
  }
});

test('skopeo and umoci read the layout', requires('root', 'skopeo', 'umoci'), () =>
  withStore(async (store, folder) => {
    const digest = await putTestImage(store, [[fileEntry('hello', 'world')], [fileEntry('b', '2')]]);
    await store.tag(digest, 'web:1.2.0');
    const inspected = JSON.parse(await run('skopeo', ['inspect', `oci:${folder}:web:1.2.0`])) as { Digest: string };
    assert.equal(inspected.Digest, digest);
    await run('skopeo', ['--insecure-policy', 'copy', `oci:${folder}:web:1.2.0`, `oci:${folder}-copy:x`]);
    await run('umoci', ['unpack', '--image', `${folder}:web:1.2.0`, `${folder}-bundle`]);
    assert.equal(await readFile(`${folder}-bundle/rootfs/hello`, 'utf8'), 'world');
    const copy = await openImageStore(`${folder}-copy`);
    assert.deepEqual(await copy.image(digest), await store.image(digest));
    await run('rm', ['-r', `${folder}-copy`, `${folder}-bundle`]);
  }),
);
