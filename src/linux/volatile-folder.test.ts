import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { unmountUnder } from './mounts.ts';
import { dropVolatile, mountVolatile } from './volatile-folder.ts';

/** statfs(2). */
const TMPFS = 0x01021994;

test('what is written there is in memory, for its owner only, until it is dropped', requires('root', 'mount'), async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'kiln-volatile-'));
  const folder = join(root, 'run');
  t.after(async () => {
    await unmountUnder(root);
    rmSync(root, { recursive: true });
  });
  await mountVolatile(folder);
  writeFileSync(join(folder, 'secret'), 'x');
  await mountVolatile(folder);
  assert.ok(existsSync(join(folder, 'secret')), 'a second daemon finds what the first one wrote');
  assert.equal(statfsSync(folder).type, TMPFS);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await dropVolatile(folder);
  assert.ok(!existsSync(join(folder, 'secret')));
  await dropVolatile(folder);
});
