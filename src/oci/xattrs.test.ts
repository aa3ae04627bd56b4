import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { testFolder } from './testing/images.ts';
import { readXattrs, writeXattrs } from './xattrs.ts';

test(
  'the root and a hidden file in it keep their attributes under their own names',
  requires('root', 'getfattr', 'setfattr'),
  async () => {
    await using folder = await testFolder();
    await writeFile(join(folder.path, '.hidden'), '');
    const tree = new Map([
      ['', new Map([['user.note', 'root']])],
      ['.hidden', new Map([['user.note', 'file']])],
    ]);
    await writeXattrs(folder.path, tree);
    assert.deepEqual(await readXattrs(folder.path), tree);
  },
);
