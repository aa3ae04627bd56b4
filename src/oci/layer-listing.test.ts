import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sha256 } from '../platform/hash.ts';
import { listingReader } from './layer-listing.ts';
import { TarReader } from './tar-reader.ts';
import { type RawEntry, tarOf } from './testing/trees.ts';

/** What a layer of these entries holds. */
function listed(...entries: readonly RawEntry[]): ReturnType<ReturnType<typeof listingReader>['listing']>['files'] {
  const reader = listingReader({ contents: true });
  let sink: ReturnType<typeof reader.entry> = null;
  const tar = new TarReader({
    open: (header) => void (sink = reader.entry(header)),
    write: (bytes) => sink?.write(bytes),
    close: () => sink?.end(),
  });
  tar.feed(tarOf(...entries));
  tar.finish();
  return reader.listing().files;
}

test('a hard link is all that its file is, over however many links; one to a symbolic link is that link', () => {
  const files = listed(
    { path: 'file', content: 'x', mode: 0o4755, uid: 7 },
    { path: 'a', kind: 'hardlink', target: '/file', mode: 0 },
    { path: 'b', kind: 'hardlink', target: './a' },
    { path: 'soft', kind: 'symlink', target: 'anywhere' },
    { path: 'c', kind: 'hardlink', target: 'soft' },
    { path: 'lost', kind: 'hardlink', target: 'nothing' },
  );
  for (const path of ['a', 'b']) {
    const { kind, target, mode, uid, size, content } = files.get(path) ?? assert.fail();
    assert.deepEqual([kind, target, mode, uid, size, content], ['hardlink', 'file', 0o4755, 7, 1, sha256('x')]);
  }
  assert.deepEqual(files.get('c'), files.get('soft'));
  assert.deepEqual([files.get('lost')?.target, files.get('lost')?.content], ['nothing', null]);
});

test('more names than a layer has are refused', () => {
  const reader = listingReader({ contents: false });
  const header = { ...(listed({ path: 'a' }).get('a') ?? assert.fail()), path: 'x'.repeat(3000), target: '' };
  assert.throws(
    () => {
      for (let count = 0; count < 100_000; count += 1) reader.entry(header);
    },
    { code: 'LAYER_UNSAFE', message: /names and attributes/ },
  );
});
