import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Recipe } from '../domain/recipe.ts';
import { aFile, aRecipe, aRun, aStage } from './testing/recipes.ts';
import { openTrial, processesNaming, writeShellRoot, type Trial } from './testing/trial.ts';

const root = requires('root');
const rootAndRunc = requires('root', 'runc');

const siteOf = ({ folder }: Trial): Recipe =>
  aRecipe(folder, { final: aStage('image', { files: [aFile('./', '/srv/')] }), entrypoint: ['/srv/run'], ports: [80] });

/** A stage with a shell, and the commands. */
const shellRecipe = ({ folder }: Trial, ...commands: readonly string[]): Recipe =>
  aRecipe(folder, { final: aStage('image', { files: [aFile('shell/', '/')], run: commands.map((command) => aRun(command)) }) });

async function openShellTrial(): Promise<Trial> {
  const trial = await openTrial();
  await writeShellRoot(join(trial.folder, 'shell'));
  return trial;
}

test('nothing changed, nothing baked: the same digest, every step cached', root, async () => {
  await using trial = await openTrial();
  await trial.write('index.html', 'one');
  const first = await trial.bake(siteOf(trial));
  const again = await trial.bake(siteOf(trial));
  assert.equal(first.changed, true);
  assert.equal(again.changed, false);
  assert.equal(again.digest, first.digest);
  assert.ok(again.steps.every((step) => step.cached));
  assert.deepEqual(await trial.leftMounts(), []);
});

test('the same inputs give the same digest in another home and folder, with other times and another umask', root, async () => {
  const digests: string[] = [];
  for (const [umask, seconds, order] of [
    [0o077, 1e9, ['a', 'b']],
    [0o002, 15e8, ['b', 'a']],
  ] as const) {
    const before = process.umask(umask);
    try {
      await using trial = await openTrial();
      for (const name of order) await trial.write(`deep/${name}.txt`, name);
      await utimes(join(trial.folder, 'deep/a.txt'), seconds, seconds);
      digests.push((await trial.bake(siteOf(trial))).digest);
    } finally {
      process.umask(before);
    }
  }
  assert.equal(digests[0], digests[1]);
});

test('a changed file costs its own step and those after it', root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  await trial.write('b', 'b');
  const recipe = aRecipe(trial.folder, { final: aStage('image', { files: [aFile('a', '/a'), aFile('b', '/b')] }) });
  const first = await trial.bake(recipe);
  await trial.write('b', 'c');
  const second = await trial.bake(recipe);
  assert.notEqual(second.digest, first.digest);
  assert.deepEqual(
    second.steps.map((step) => step.cached),
    [true, false],
  );
});

test('a layer that is gone from the store, or damaged there, is made again with all that names it', root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  const first = await trial.bake(siteOf(trial));
  const [layer] = (await trial.store.image(first.digest)).layers;
  await rm(await trial.store.blobPath(layer!.descriptor.digest));
  const again = await trial.bake(siteOf(trial));
  assert.equal(again.digest, first.digest);
  assert.equal(await trial.store.hasBlob(layer!.descriptor.digest), true);
  for (const damaged of [layer!.descriptor.digest, first.digest]) {
    await writeFile(await trial.store.blobPath(damaged), 'damage');
    assert.equal((await trial.bake(siteOf(trial))).digest, first.digest);
    assert.ok(await trial.store.image(first.digest));
  }
});

test('files have the owners and modes that the recipe says, and the image has the standard folders', root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  const files = [aFile('a', '/app/', { owner: 'app', mode: 0o640 })];
  const { digest } = await trial.bake(
    aRecipe(trial.folder, { final: aStage('image', { user: { name: 'app', uid: 700 }, files }) }),
  );
  const text = (await trial.layers(digest)).join('\n');
  assert.match(text, /-rw-r----- 700\/700 .* app\/a$/m);
  assert.match(text, /drwxrwxrwt 0\/0 .* tmp\/$/m);
  assert.match(text, /dr-xr-xr-x 0\/0 .* proc\/$/m);
  assert.equal((await trial.store.image(digest)).config.config.User, '700:700');
});

test('a stage gives its files to the image; one that nothing takes from is not baked', root, async () => {
  await using trial = await openTrial();
  await trial.write('in/a', 'a');
  const build = aStage('build', { files: [aFile('in', '/out')] });
  const unused = aStage('unused', { files: [aFile('not-there', '/x')] });
  const final = aStage('image', { files: [aFile('/out', '/app', { stage: 'build' })] });
  const { digest, steps } = await trial.bake(aRecipe(trial.folder, { stages: [build, unused], final }));
  assert.match((await trial.layers(digest)).join('\n'), / app\/a$/m);
  assert.ok(steps.every((step) => !step.name.startsWith('unused')));
});

test("a link in the image that climbs out of its root can't make a later step write to this machine", root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  await mkdir(join(trial.folder, '1/2/3/4'), { recursive: true });
  await symlink('../../../../victim', join(trial.folder, '1/2/3/4/link'));
  const files = [aFile('1/2/3/4/l*', '/'), aFile('a', '/link/')];
  const { digest } = await trial.bake(aRecipe(trial.folder, { final: aStage('image', { files }) }));
  assert.match((await trial.layers(digest))[1] ?? '', / victim\/a$/m);
});

test('what leads out of the folder is refused, and nothing is half made', root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  await symlink('/etc/passwd', join(trial.folder, 'link'));
  for (const from of ['../a', '/etc/passwd', 'link', './']) {
    await assert.rejects(trial.bake(aRecipe(trial.folder, { final: aStage('image', { files: [aFile(from, '/x')] }) })), {
      code: 'PATH_ESCAPES',
    });
  }
  assert.deepEqual(await trial.store.list(), []);
  assert.deepEqual(await trial.leftMounts(), []);
});

test('a command changes the root, and nothing that the machine lends it gets into the layer', rootAndRunc, async () => {
  await using trial = await openShellTrial();
  const { digest } = await trial.bake(shellRecipe(trial, 'echo done > /result; echo x > /tmp/x; echo x > /run/x'));
  const layers = await trial.layers(digest);
  assert.match(layers.at(-1) ?? '', /^-rw-r--r-- 0\/0 .* result\n$/);
});

test(
  'what is lent to a command can be found by every user of its root: its folder is not one that runc made',
  rootAndRunc,
  async () => {
    await using trial = await openShellTrial();
    const isMounted =
      'while read -r line; do case $line in *" /run/kiln "*tmpfs*) exit 0;; esac; done < /proc/self/mountinfo; exit 1';
    await trial.bake(shellRecipe(trial, isMounted));
  },
);

test('a failing command is named with its last words; the next bake resumes there', rootAndRunc, async () => {
  await using trial = await openShellTrial();
  await assert.rejects(trial.bake(shellRecipe(trial, 'echo first > /one', 'echo the reason; exit 3')), {
    code: 'BAKE_STEP_FAILED',
    message: /run 2 .*exit code 3[^]*the reason/,
  });
  assert.deepEqual(await trial.leftMounts(), []);
  const { steps } = await trial.bake(shellRecipe(trial, 'echo first > /one', 'echo mended > /two'));
  assert.deepEqual(
    steps.filter((step) => !step.cached).map((step) => step.name),
    ['image: run 2 echo mended > /two'],
  );
});

test('a command without network has only the loopback', rootAndRunc, async () => {
  await using trial = await openShellTrial();
  const count = 'n=0; while read -r line; do n=$((n + 1)); done < /proc/net/dev; [ $n -eq 3 ]';
  await trial.bake(shellRecipe(trial, count));
});

test('a cancelled bake ends its command and leaves no mount, no work folder and no image', rootAndRunc, async () => {
  await using trial = await openShellTrial();
  const cancel = new AbortController();
  const work = trial.bake(shellRecipe(trial, 'echo started; while :; do :; done'), {
    signal: cancel.signal,
    onEvent: (event) => {
      if (event.kind === 'step.output' && event.text.includes('started')) cancel.abort(new Error('enough'));
    },
  });
  await assert.rejects(work, { message: 'enough' });
  assert.deepEqual(await trial.leftMounts(), []);
  assert.deepEqual(await readdir(join(trial.home.bake, 'work')), []);
  assert.deepEqual(await trial.store.list(), []);
  assert.deepEqual(await processesNaming(`kiln-${trial.home.id}-bake`), []);
});

test('an unchanged recipe keeps its digest when kiln.yaml or kiln.lock changes', root, async () => {
  await using trial = await openTrial();
  await trial.write('a', 'a');
  const first = await trial.bake(siteOf(trial));
  await trial.write('kiln.yaml', 'service: web');
  assert.equal((await trial.bake(siteOf(trial))).digest, first.digest);
});

test('tags: the version, and the commit; with changes the image, too; a version never moves', root, async () => {
  await using trial = await openTrial();
  const git = (...args: readonly string[]): string => execFileSync('git', ['-C', trial.folder, ...args], { encoding: 'utf8' });
  await trial.write('a', 'a');
  git('init', '-q');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'x');
  const commit = git('rev-parse', 'HEAD').trim();
  const clean = await trial.bake(siteOf(trial), { version: '1.0.0' });
  assert.deepEqual(clean.tags, ['web:1.0.0', `web:${commit.slice(0, 12)}`]);
  assert.equal((await trial.store.image(clean.digest)).annotations['org.opencontainers.image.revision'], commit);
  await trial.write('a', 'b');
  const dirty = await trial.bake(siteOf(trial));
  assert.deepEqual(dirty.tags, [`web:${commit.slice(0, 12)}-dirty.${dirty.digest.slice(7, 15)}`]);
  await assert.rejects(trial.bake(siteOf(trial), { version: '1.0.0' }), { code: 'TAG_IMMUTABLE' });
});
