/** Steps shared through a registry: what one home has baked, another need not. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { aFile, aRecipe, aStage } from '../bake/testing/recipes.ts';
import { openTrial, type Trial } from '../bake/testing/trial.ts';
import type { Digest } from '../domain/digest.ts';
import type { Recipe } from '../domain/recipe.ts';
import { writeLayer } from '../oci/layer-writer.ts';
import { openImageStore } from '../oci/layout.ts';
import { pushImage, putManifest } from '../oci/push.ts';
import { parseReference } from '../oci/references.ts';
import { Registry, type RegistryOptions } from '../oci/registry.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { sha256 } from '../platform/hash.ts';
import { openSharedSteps, type SharedSteps } from './shared-steps.ts';

const OPTIONS: RegistryOptions = { credentials: () => Promise.resolve(null), transport: { attempts: 2, pauseMs: 1 } };

async function write(trial: Trial, content: string): Promise<Recipe> {
  await trial.write('a.txt', 'the same everywhere');
  await trial.write('b.txt', content);
  return aRecipe(trial.folder, { final: aStage('image', { files: [aFile('a.txt', '/a.txt'), aFile('b.txt', '/b.txt')] }) });
}

test(
  'a second home bakes with everything cached, and after a change with what is the same',
  requires('root', 'docker-registry'),
  async () => {
    await using registry = await startRegistry();
    const cache = `${registry.host}/team/web:cache`;
    const bakeIn = async (
      trial: Trial,
      content: string,
    ): Promise<{ digest: Digest; cached: readonly boolean[]; saved: number }> => {
      const shared = await openSharedSteps(cache, trial.store, Date.now(), OPTIONS);
      const { digest, steps } = await trial.bake(await write(trial, content), { shared });
      return { digest, cached: steps.map((step) => step.cached), saved: await shared.save() };
    };
    await using one = await openTrial();
    await using two = await openTrial();
    const first = await bakeIn(one, 'one');
    assert.ok(first.cached.every((cached) => !cached) && first.saved === first.cached.length);
    const second = await bakeIn(two, 'one');
    assert.equal(second.digest, first.digest);
    assert.ok(second.cached.every(Boolean));
    assert.equal(second.saved, 0);
    const third = await bakeIn(two, 'two');
    assert.deepEqual(third.cached.filter(Boolean).length, first.cached.length - third.saved);
    assert.ok(third.saved > 0 && third.cached.some(Boolean));
    const fourth = await bakeIn(one, 'two');
    assert.equal(fourth.digest, third.digest);
    assert.ok(fourth.cached.every(Boolean));
  },
);

const layerOf = (store: ImageStore, content: string): Promise<Layer> =>
  writeLayer(store, [fileEntry('a', content)], { epochSeconds: 1_000_000_000 });

async function withTwoStores(use: (host: string, here: ImageStore, there: ImageStore) => Promise<void>): Promise<void> {
  await using registry = await startRegistry();
  await using folder = await testFolder();
  await use(registry.host, await openImageStore(join(folder.path, 'a')), await openImageStore(join(folder.path, 'b')));
}

const open = (reference: string, store: ImageStore, now = 1): Promise<SharedSteps> =>
  openSharedSteps(reference, store, now, OPTIONS);

test('two who save at the same time keep what both have made', requires('docker-registry'), () =>
  withTwoStores(async (host, here, there) => {
    const cache = `${host}/web:cache`;
    const [mine, theirs] = [await open(cache, here), await open(cache, there)];
    mine.used(sha256('one'), { layer: await layerOf(here, 'one'), leavesEtc: true });
    theirs.used(sha256('two'), { layer: await layerOf(there, 'two'), leavesEtc: false });
    theirs.used(sha256('nothing'), { layer: null, leavesEtc: true });
    assert.equal(await mine.save(), 1);
    assert.equal(await theirs.save(), 2);
    const after = await open(cache, here);
    assert.equal(after.size, 3);
    assert.equal((await after.find(sha256('two')))?.leavesEtc, false);
    assert.equal((await after.find(sha256('nothing')))?.layer, null);
    assert.equal(await after.find(sha256('three')), null);
  }),
);

test('a layer that is not what the cache says is not taken', requires('docker-registry'), () =>
  withTwoStores(async (host, here, there) => {
    const cache = `${host}/web:cache`;
    const steps = await open(cache, here);
    const [good, other] = [await layerOf(here, 'good'), await layerOf(here, 'other')];
    steps.used(sha256('good'), { layer: good, leavesEtc: true });
    steps.used(sha256('bad'), { layer: { ...other, diffId: good.diffId }, leavesEtc: true });
    await steps.save();
    const found = await open(cache, there);
    assert.deepEqual((await found.find(sha256('good')))?.layer?.diffId, good.diffId);
    assert.equal(await found.find(sha256('bad')), null);
  }),
);

test('an image is no cache, nor is a digest, and what is malformed is said', requires('docker-registry'), () =>
  withTwoStores(async (host, here) => {
    const image = await putTestImage(here, [[fileEntry('a', randomBytes(10))]]);
    await pushImage(image, `${host}/web:1`, here, OPTIONS);
    await assert.rejects(open(`${host}/web:1`, here), { code: 'TAG_IMMUTABLE' });
    await assert.rejects(open(`${host}/web`, here), { code: 'REFERENCE_INVALID' });
    await assert.rejects(open(`${host}/web@${image}`, here), { code: 'REFERENCE_INVALID' });
    const registry = new Registry(parseReference(`${host}/web:bad`), OPTIONS);
    const config = {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: (await here.image(image)).layers[0]?.descriptor.digest,
      size: 1,
    };
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const body = { schemaVersion: 2, mediaType, artifactType: 'application/vnd.dev.kiln.steps.v1', config, layers: [config] };
    await putManifest(registry, Buffer.from(JSON.stringify(body)), 'bad');
    await assert.rejects(open(`${host}/web:bad`, here), { code: 'IMAGE_INVALID' });
  }),
);
