/** `image.compression`: the same files in another form, for Kiln and for other tools. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from '../oci/media-types.ts';
import { run } from '../platform/exec.ts';
import { requires } from '../../test/requires.ts';
import { aFile, aRecipe, aRun, aStage } from './testing/recipes.ts';
import { openTrial, writeShellRoot } from './testing/trial.ts';

test(
  'zstd: the same diff ids as with gzip, other blobs; steps work on them, and skopeo reads them',
  requires('root', 'runc', 'skopeo'),
  async () => {
    await using trial = await openTrial();
    await writeShellRoot(`${trial.folder}/shell`);
    // Of several blocks: frames and members follow each other.
    await trial.write('shell/big', Array.from({ length: 400_000 }, (_, index) => index).join(' '));
    const final = aStage('image', { files: [aFile('shell', '/')], run: [aRun('echo made > /made')] });
    const gzip = await trial.store.image((await trial.bake(aRecipe(trial.folder, { final }))).digest);
    const zstd = await trial.store.image((await trial.bake(aRecipe(trial.folder, { final, compression: 'zstd' }))).digest);
    assert.deepEqual(new Set(gzip.layers.map(({ descriptor }) => descriptor.mediaType)), new Set([OCI_LAYER_GZIP]));
    assert.deepEqual(new Set(zstd.layers.map(({ descriptor }) => descriptor.mediaType)), new Set([OCI_LAYER_ZSTD]));
    assert.deepEqual(
      zstd.layers.map(({ diffId }) => diffId),
      gzip.layers.map(({ diffId }) => diffId),
    );
    await trial.store.tag(zstd.digest, 'web:zstd');
    const out = await mkdtemp(join(tmpdir(), 'kiln-zstd-'));
    try {
      // From zstd to gzip: skopeo has to unpack every layer, and checks it against its diff id.
      await run('skopeo', ['copy', '-q', '--dest-compress-format', 'gzip', `oci:${trial.home.images}:web:zstd`, `dir:${out}`]);
    } finally {
      await rm(out, { recursive: true });
    }
  },
);
