/** Where cosign looks, in Debian's docker-registry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { hexOf } from '../domain/digest.ts';
import { attachEvidence } from '../evidence/attach.ts';
import { evidenceOf } from '../evidence/evidence.ts';
import { createKeyPair } from '../keys/key-pair.ts';
import { openSigner } from '../keys/signer.ts';
import { openImageStore } from '../oci/layout.ts';
import { parseReference } from '../oci/references.ts';
import { pushImage } from '../oci/push.ts';
import { Registry } from '../oci/registry.ts';
import { parseLayers } from '../oci/schema.ts';
import { Sources } from '../oci/sources.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { pullFromCosign } from './pull-cosign.ts';
import { pushForCosign } from './push-cosign.ts';

test(
  'two machines push what they signed of one image: neither takes away the other’s, and a third pulls it all',
  requires('docker-registry'),
  async () => {
    await using hub = await startRegistry();
    const reference = parseReference(`${hub.host}/web:1.0.0`);
    const registry = new Registry(reference);
    const layers = async (tag: string): Promise<readonly unknown[]> => {
      const found = await registry.find(tag);
      return found === null ? [] : parseLayers((await registry.manifest(found.digest)).bytes, tag);
    };
    await using puller = await testFolder();
    const far = await openImageStore(puller.path);
    const copy = await putTestImage(far, [[fileEntry('a', '1')]]);
    for (const count of [1, 2]) {
      await using folder = await testFolder();
      const store = await openImageStore(folder.path);
      const image = await putTestImage(store, [[fileEntry('a', '1')]]);
      await pushImage(image, reference, store);
      await pushForCosign(registry, image, store, {});
      assert.equal((await layers(`sha256-${hexOf(image)}.sig`)).length, count - 1);
      const key = createKeyPair('p256', null).privatePem;
      const signer = await openSigner({ key, password: null, passwordFile: null, folder: folder.path, env: {} });
      await attachEvidence([{ type: 'x:y', content: {} }], { store, image, name: 'web', signer, now: 1_000_000 });
      for (const _ of ['first', 'again']) {
        await pushForCosign(registry, image, store, {});
        for (const ending of ['sig', 'att'])
          assert.equal((await layers(`sha256-${hexOf(image)}.${ending}`)).length, count, ending);
      }
      const sources = new Sources(reference, {});
      assert.deepEqual([await pullFromCosign(sources, copy, far), await pullFromCosign(sources, copy, far)], [2, 0]);
      const found = await evidenceOf(far, copy, { keys: signer === null ? [] : [signer.public], now: 1_000_000 });
      assert.equal(found.length, 2 * count);
      assert.deepEqual(
        found.slice(-2).map(({ kind, signedBy, trouble }) => [kind, signedBy.length, trouble]),
        [
          ['signature', 1, null],
          ['other', 1, null],
        ],
      );
    }
  },
);
