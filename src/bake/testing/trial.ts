/** A home and a recipe folder of a test's own, both gone afterwards with every mount below them. */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Digest } from '../../domain/digest.ts';
import type { DockerfileRecipe, Recipe } from '../../domain/recipe.ts';
import { openLayerMounts } from '../../linux/layers.ts';
import { mounts, unmountUnder } from '../../linux/mounts.ts';
import { openImageStore } from '../../oci/layout.ts';
import type { ImageStore } from '../../oci/store.ts';
import { systemClock } from '../../platform/clock.ts';
import { exec } from '../../platform/exec.ts';
import { kilnHome, type Home } from '../../platform/home.ts';
import { bake } from '../bake.ts';
import type { BakeDeps, BakeEvent, BakeOptions, BakeResult } from '../contract.ts';
import { noLineage } from './no-lineage.ts';

export interface Trial extends AsyncDisposable {
  readonly home: Home;
  /** The recipe's folder. */
  readonly folder: string;
  readonly store: ImageStore;
  readonly events: BakeEvent[];
  /** The image has its tags, as after all gates. */
  bake(recipe: Recipe | DockerfileRecipe, change?: Partial<BakeDeps & BakeOptions>): Promise<BakeResult>;
  write(path: string, content: string): Promise<void>;
  /** `tar tv` of each layer, the lowest first. */
  layers(image: Digest): Promise<readonly string[]>;
  /** Mounts of bakes that are left. */
  leftMounts(): Promise<readonly string[]>;
}

/** `root`: the home's parent folder; absent: a new one. */
export async function openTrial(root?: string): Promise<Trial> {
  const base = await mkdtemp(join(root ?? tmpdir(), 'kiln-bake-'));
  const folder = join(base, 'recipe');
  await mkdir(folder);
  const home = kilnHome({ KILN_HOME: join(base, 'home') }, 0);
  const store = await openImageStore(home.images);
  const layers = openLayerMounts(home, store);
  const events: BakeEvent[] = [];
  const onEvent = (event: BakeEvent): void => void events.push(event);
  return {
    home,
    folder,
    store,
    events,
    bake: async (recipe, change = {}) => {
      const { signal } = new AbortController();
      const deps = { store, home, layers, clock: systemClock, lineage: noLineage, signal, onEvent, ...change };
      const baked = await bake(recipe, deps, { service: 'web', version: null, update: false, ...change });
      for (const tag of baked.tags) await store.tag(baked.digest, tag);
      return baked;
    },
    write: async (path, content) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    layers: async (image) => {
      const found = (await store.image(image)).layers;
      const blobs = await Promise.all(found.map((layer) => store.blobPath(layer.descriptor.digest)));
      return blobs.map((blob) =>
        execFileSync('tar', ['tvzf', blob, '--numeric-owner'], { encoding: 'utf8', maxBuffer: 64 << 20 }),
      );
    },
    leftMounts: async () =>
      (await mounts()).map((mount) => mount.target).filter((target) => target.startsWith(join(home.bake, 'work'))),
    [Symbol.asyncDispose]: async () => {
      await unmountUnder(base);
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** This machine's shell and what it is linked with, as the smallest root that a command runs in; laid at `bin` of the folder. */
export async function writeShellRoot(folder: string): Promise<void> {
  const { stdout } = await exec('ldd', ['/bin/sh']);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const path of [...libraries, '/bin/sh']) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await cp(path, join(folder, path), { dereference: true });
  }
}

/** Ids of the processes that have the text in their command line. */
export async function processesNaming(text: string): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return ids.filter((_, index) => lines[index]?.includes(text));
}
