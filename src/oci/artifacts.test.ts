import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { hexOf, type Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { sha256 } from '../platform/hash.ts';
import { openImageStore } from './layout.ts';
import type { Artifact, ImageStore } from './store.ts';
import { age, fileEntry, HOUR, putTestImage, withStore } from './testing/images.ts';

const put = (store: ImageStore, content: string): Promise<Digest> => putTestImage(store, [[fileEntry('a', content)]]);

const note = (text: string): Artifact => ({
  artifactType: 'application/vnd.example.note',
  blobs: [{ mediaType: 'text/plain', content: Buffer.from(text) }],
  annotations: { said: text },
});

const manifestAbout = async (store: ImageStore, subject: unknown, more: object = {}): Promise<Uint8Array> => {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', ...(await store.putBlob(Buffer.from('{}'))) };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return Buffer.from(canonicalJson({ schemaVersion: 2, mediaType, artifactType: 'x/y', config, layers: [], subject, ...more }));
};

const descriptorOf = (digest: Digest): object => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest,
  size: 100,
});

test('what is attached to an image is found by it, in the order in which it came, and is no image', () =>
  withStore(async (store, folder) => {
    const [image, other] = [await put(store, '1'), await put(store, '2')];
    const [first, second] = [await store.attach(image, note('one')), await store.attach(image, note('two'))];
    assert.equal(await store.attach(image, note('one')), first);
    for (const reopened of [store, await openImageStore(folder)]) {
      assert.deepEqual(
        (await reopened.referrers(image)).map(({ digest }) => digest),
        [first, second],
      );
      assert.deepEqual(await reopened.referrers(other), []);
      assert.deepEqual((await reopened.list()).map(({ digest }) => digest).toSorted(), [image, other].toSorted());
    }
    const [found] = await store.referrers(image);
    assert.equal(found?.subject, image);
    assert.equal(found?.artifactType, 'application/vnd.example.note');
    const blob = found?.blobs[0];
    assert.ok(blob);
    assert.equal(Buffer.from(await store.readBlob(blob.digest, 100)).toString(), 'one');
    await assert.rejects(store.readBlob(blob.digest, 2), { code: 'IMAGE_INVALID' });
    await assert.rejects(store.image(first), { code: 'IMAGE_INVALID', message: /artifact is not an image/ });
    await assert.rejects(store.resolve(first), { code: 'IMAGE_NOT_FOUND' });
  }));

test('callers that attach at the same time lose nothing', () =>
  withStore(async (store) => {
    const image = await put(store, '1');
    await Promise.all(Array.from({ length: 20 }, (_, at) => store.attach(image, note(`${at}`))));
    assert.equal((await store.referrers(image)).length, 20);
  }));

test('nothing is attached to what is not there', () =>
  withStore(async (store, folder) => {
    await assert.rejects(store.attach(sha256('nothing'), note('x')), { code: 'IMAGE_NOT_FOUND' });
    const bytes = await manifestAbout(store, descriptorOf(sha256('nothing')));
    await assert.rejects(store.attachManifest(sha256('nothing'), bytes), { code: 'IMAGE_NOT_FOUND' });
    assert.match(await readFile(join(folder, 'index.json'), 'utf8'), /"manifests":\[\]/);
  }));

test('an artifact from elsewhere keeps its digest, and what it claims is checked', () =>
  withStore(async (store) => {
    const [image, other] = [await put(store, '1'), await put(store, '2')];
    const good = await manifestAbout(store, descriptorOf(image));
    assert.equal(await store.attachManifest(image, good, sha256(good)), sha256(good));
    await assert.rejects(store.attachManifest(other, good), { code: 'IMAGE_INVALID', message: /it is about sha256/ });
    await assert.rejects(store.attachManifest(image, good, sha256('else')), { code: 'DIGEST_MISMATCH' });
    const absent = { layers: [{ mediaType: 'a/b', digest: sha256('absent'), size: 3 }] };
    const wrong: readonly Uint8Array[] = [
      await manifestAbout(store, descriptorOf(image), absent),
      await manifestAbout(store, undefined),
      await manifestAbout(store, { ...descriptorOf(image), digest: 'sha256:x' }),
      await manifestAbout(store, { ...descriptorOf(image), size: -1 }),
      Buffer.from('{'),
      Buffer.alloc(5 << 20, ' '),
    ];
    for (const bytes of wrong) await assert.rejects(store.attachManifest(image, bytes), { code: 'IMAGE_INVALID' });
    assert.equal((await store.referrers(image)).length, 1);
    assert.deepEqual(await store.referrers(other), []);
  }));

test('the collector keeps evidence with its image, and takes both together', () =>
  withStore(async (store, folder) => {
    const [kept, left] = [await put(store, '1'), await put(store, '2')];
    const good = await store.attach(kept, note('stays'));
    const onGood = await store.attach(good, note('on what stays'));
    const gone = await store.attach(left, note('goes'));
    const onGone = await store.attach(gone, note('on what goes'));
    await age(folder);
    const plan = await store.planGc(new Set([kept]), HOUR / 2);
    assert.deepEqual(
      plan.images.map(({ digest }) => digest),
      [left],
    );
    assert.deepEqual(plan.artifacts.toSorted(), [gone, onGone].toSorted());
    await store.collect(plan);
    assert.deepEqual(
      (await store.referrers(kept)).map(({ digest }) => digest),
      [good],
    );
    assert.equal((await store.referrers(good))[0]?.digest, onGood);
    const names = new Set(await readdir(join(folder, 'blobs', 'sha256')));
    assert.ok(!names.has(hexOf(gone)) && !names.has(hexOf(onGone)) && names.has(hexOf(good)));
    for (const { blobs } of await store.referrers(kept)) assert.ok(blobs.every(({ digest }) => names.has(hexOf(digest))));
    assert.deepEqual((await store.planGc(new Set([kept]), HOUR / 2)).artifacts, []);
  }));

test('an image that got evidence after the plan stays, and its evidence with it', () =>
  withStore(async (store, folder) => {
    const image = await put(store, '1');
    const old = await store.attach(image, note('old'));
    await age(folder);
    const plan = await store.planGc(new Set(), HOUR / 2);
    assert.deepEqual(plan.artifacts, [old]);
    await store.attach(image, note('new'));
    await store.collect(plan);
    assert.equal((await store.referrers(image)).length, 2);
    assert.equal((await store.image(image)).digest, image);
    for (const { blobs } of await store.referrers(image)) await store.readBlob(blobs[0]?.digest as Digest, 100);
  }));

test('a damaged artifact is not given out', () =>
  withStore(async (store, folder) => {
    const image = await put(store, '1');
    const digest = await store.attach(image, note('x'));
    await writeFile(join(folder, 'blobs', 'sha256', hexOf(digest)), 'damage');
    assert.deepEqual(await (await openImageStore(folder)).referrers(image), []);
    assert.equal((await store.list()).length, 1);
  }));
