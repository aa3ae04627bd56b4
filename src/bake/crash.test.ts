import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { unmount } from '../linux/mounts.ts';
import { systemClock } from '../platform/clock.ts';
import { run } from '../platform/exec.ts';
import { aFile, aRecipe, aRun, aStage } from './testing/recipes.ts';
import { openTrial, processesNaming, writeShellRoot } from './testing/trial.ts';
import { reclaimBakes } from './work-folder.ts';

test(
  'a killed bake: its command dies with it, and the next start reclaims mounts and work folders',
  requires('root', 'runc'),
  async () => {
    await using trial = await openTrial();
    await writeShellRoot(join(trial.folder, 'shell'));
    const final = aStage('image', { files: [aFile('shell/', '/')], run: [aRun('echo started; while :; do :; done')] });
    const recipe = JSON.stringify(aRecipe(trial.folder, { final }));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/bake-child.ts'), trial.home.root, recipe], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const [output] = (await once(child.stderr, 'data')) as [Buffer];
    assert.match(output.toString('utf8'), /started/);
    assert.notDeepEqual(await trial.leftMounts(), []);
    child.kill('SIGKILL');
    await once(child, 'exit');

    while ((await processesNaming('echo started; while')).length > 0) await systemClock.sleep(10, AbortSignal.timeout(10_000));
    await reclaimBakes(trial.home);
    assert.deepEqual(await trial.leftMounts(), []);
    assert.deepEqual(await readdir(join(trial.home.bake, 'work')), []);
    assert.deepEqual(await trial.store.list(), []);
  },
);

test('what a live bake works in is not reclaimed', requires('root'), async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  const recipe = aRecipe(trial.folder, { final: aStage('image', { files: [aFile('a', '/a')] }) });
  const reclaiming: Promise<void>[] = [];
  const onEvent = (): void => void reclaiming.push(reclaimBakes(trial.home));
  await trial.bake(recipe, { onEvent });
  await Promise.all(reclaiming);
});

test('a full disk is an error with its name, and nothing is half made', requires('root'), async () => {
  const disk = await mkdtemp(join(tmpdir(), 'kiln-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'kiln-test', disk]);
  try {
    await using trial = await openTrial(disk);
    await using files = await openTrial();
    await files.write('big', 'x'.repeat(8 << 20));
    const recipe = aRecipe(files.folder, { final: aStage('image', { files: [aFile('big', '/big')] }) });
    await assert.rejects(trial.bake(recipe), { code: 'DISK_FULL' });
    assert.deepEqual(await trial.store.list(), []);
    assert.deepEqual(await trial.leftMounts(), []);
    assert.deepEqual(await readdir(join(trial.home.bake, 'work')), []);
  } finally {
    await unmount(disk);
    await rm(disk, { recursive: true });
  }
});
