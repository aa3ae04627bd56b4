import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import { run } from '../../platform/exec.ts';
import { kilnHome, type Home } from '../../platform/home.ts';
import type { LockedPackage } from '../lock-content.ts';
import { debPath } from './deb-store.ts';
import { narrowed } from './narrow.ts';

const needs = requires('mmdebstrap', 'dpkg-deb');
const NEVER = new AbortController().signal;

/** A package of nothing, in the home's store. */
async function packageOf(home: Home, name: string, version: string, depends = ''): Promise<LockedPackage> {
  const tree = await mkdtemp(join(tmpdir(), 'kiln-deb-'));
  try {
    await mkdir(join(tree, 'x/DEBIAN'), { recursive: true });
    const fields = [`Package: ${name}`, `Version: ${version}`, 'Architecture: all', 'Maintainer: a <a@example.com>'];
    const all = [...fields, ...(depends === '' ? [] : [`Depends: ${depends}`]), 'Description: x', ''];
    await writeFile(join(tree, 'x/DEBIAN/control'), all.join('\n'));
    await run('dpkg-deb', ['--build', '--root-owner-group', join(tree, 'x'), join(tree, 'x.deb')]);
    const sha256 = createHash('sha256')
      .update(await readFile(join(tree, 'x.deb')))
      .digest('hex');
    const item = { name, version, sha256, path: `pool/${name}_${version}.deb` };
    await rename(join(tree, 'x.deb'), debPath(home, item));
    return item;
  } finally {
    await rm(tree, { recursive: true });
  }
}

const versions = (all: readonly LockedPackage[]): string => all.map(({ name, version }) => `${name} ${version}`).join(', ');

test('of a locked set only what the update is about moves; where that does not go together, all of it', needs, async () => {
  const root = await mkdtemp(join(tmpdir(), 'kiln-narrow-'));
  const home = kilnHome({ KILN_HOME: root }, 0);
  try {
    await mkdir(join(home.bake, 'debs'), { recursive: true });
    await mkdir(join(home.bake, 'work'), { recursive: true });
    const of = (name: string, version: string, depends?: string): Promise<LockedPackage> =>
      packageOf(home, name, version, depends);
    const [ssl1, zip1] = [await of('ssl', '1'), await of('zip', '1')];
    const [zip2, data1] = [await of('zip', '2'), await of('data', '1')];
    const query = { suite: 'locked', architecture: 'amd64', sources: [], status: null, wanted: ['ssl', 'zip'] };
    const moved = async (ssl2: LockedPackage, only: readonly string[]): Promise<string> => {
      const update = { only: new Set(only), locked: [ssl1, zip1], fresh: [data1, ssl2, zip2] };
      return versions(await narrowed(home, query, update, NEVER));
    };
    const plain = await of('ssl', '2');
    assert.equal(await moved(plain, ['ssl']), 'ssl 2, zip 1');
    assert.equal(await moved(plain, ['zip']), 'ssl 1, zip 2');
    assert.equal(await moved(plain, ['other']), 'ssl 1, zip 1');
    assert.equal(
      await moved(await of('ssl', '2', 'data'), ['ssl']),
      'data 1, ssl 2, zip 1',
      'what is new comes where it is needed',
    );
    assert.equal(await moved(await of('ssl', '2', 'zip (>= 2)'), ['ssl']), 'data 1, ssl 2, zip 2');
    await rm(debPath(home, zip1));
    assert.equal(await moved(plain, ['ssl']), 'data 1, ssl 2, zip 2', 'what is locked is nowhere any more');
  } finally {
    await rm(root, { recursive: true });
  }
});
