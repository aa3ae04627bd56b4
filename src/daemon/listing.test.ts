/** What was pulled is listed before anybody compares it, and what can't be listed holds up nothing. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { hexOf } from '../domain/digest.ts';
import { openImageStore } from '../oci/layout.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { kilnHome } from '../platform/home.ts';
import { poll } from '../platform/poll.ts';
import { listsLater } from './listing.ts';

const FILES = join('bake', 'gates', 'files-1');
/** Written after the files. */
const PACKAGES = join('bake', 'gates', 'packages', 'layers');

test('each layer of each image is listed, that of a damaged one left', async () => {
  await using folder = await testFolder();
  const home = kilnHome({ KILN_HOME: folder.path }, 0);
  const images = await openImageStore(home.images);
  const stop = new AbortController();
  const later = listsLater({ home, images, stopping: stop.signal });
  const made = [
    await putTestImage(images, [[fileEntry('gone', '1')]]),
    await putTestImage(images, [[fileEntry('a', '1')], [fileEntry('b', '2')]]),
    await putTestImage(images, [[fileEntry('c', '3')]]),
  ];
  const [damaged, ...whole] = await Promise.all(made.map((image) => images.image(image)));
  await rm(await images.blobPath(damaged?.layers[0]?.descriptor.digest ?? made[0]!));
  for (const image of made) later(image);
  const wanted = whole.flatMap(({ layers }) => layers.map(({ diffId }) => `${hexOf(diffId)}.json`)).toSorted();
  const listed = async (kind: string): Promise<readonly string[]> =>
    (await readdir(join(folder.path, kind)).catch(() => [])).filter((name) => !name.startsWith('.')).toSorted();
  const isDone = async (): Promise<boolean> => (await listed(PACKAGES)).length >= wanted.length;
  assert.ok(await poll(isDone, { withinMs: 120_000, everyMs: 20 }));
  assert.deepEqual(await listed(FILES), wanted);
  stop.abort();
});

test('once the daemon stops nothing more is begun', async () => {
  await using folder = await testFolder();
  const home = kilnHome({ KILN_HOME: folder.path }, 0);
  const images = await openImageStore(home.images);
  const image = await putTestImage(images, [[fileEntry('a', '1')]]);
  listsLater({ home, images, stopping: AbortSignal.abort() })(image);
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(readdir(join(folder.path, FILES)), { code: 'ENOENT' });
});
