/** The entry: bakes a recipe once more, elsewhere and from nothing, and compares with the image that there is. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { baseImage } from '../bake/base.ts';
import type { BakeDeps, BakeEvent, Surroundings } from '../bake/contract.ts';
import { readRevision } from '../bake/git.ts';
import { importLayout } from '../bake/layout-import.ts';
import { openLock } from '../bake/lock.ts';
import { basesOf } from '../bake/recipe-bases.ts';
import { openStepCache } from '../bake/step-cache.ts';
import { withWorkFolder } from '../bake/work-folder.ts';
import type { Digest } from '../domain/digest.ts';
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import { KilnError } from '../errors/error.ts';
import type { RuntimeMount } from '../linux/runtime-config.ts';
import { openImageStore } from '../oci/layout.ts';
import type { ImageStore } from '../oci/store.ts';
import { exec } from '../platform/exec.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import type { ChildLine, ChildRequest } from './child.ts';
import { compareImages } from './compare.ts';
import type { Reproduction } from './contract.ts';
import { findElsewhere, type Elsewhere } from './elsewhere.ts';
import { copyRecipe } from './source-copy.ts';

const START = fileURLToPath(new URL('../start.mjs', import.meta.url));

/** Nothing but what was downloaded, by its hash, and what follows from a digest alone is common to the two bakes. */
const SHARED = ['debs', 'facts'];

export interface Baked {
  readonly recipe: Recipe | DockerfileRecipe;
  readonly service: string;
  readonly digest: Digest;
}

/**
 * Takes as long as a bake without a cache. Leaves nothing: the second image is compared and deleted. Steps are told as
 * `again: NAME`. Throws what a bake throws.
 */
export async function reproduce({ recipe, service, digest }: Baked, deps: BakeDeps): Promise<Reproduction> {
  const startedAt = deps.clock.now();
  return withWorkFolder(deps.home, async (work) => {
    // Deep enough for bases that the recipe names by `../`.
    const folder = join(work, 'another/path/of/the/same/recipe');
    const home = kilnHome({ KILN_HOME: join(work, 'home') }, 0);
    const elsewhere = await findElsewhere(!('dockerfile' in recipe));
    const store = await openElsewhere(home, deps, recipe);
    const request: ChildRequest = {
      home: home.root,
      recipe: await copyRecipe(recipe, folder),
      service,
      revision: await readRevision(recipe.folder),
      umask: elsewhere.umask,
      surroundings: await surroundingsOf(elsewhere, work),
    };
    const second = await bakeElsewhere(request, elsewhere, deps);
    const sides = [
      { store: deps.store, image: await deps.store.image(digest) },
      { store, image: await store.image(second) },
    ] as const;
    const places = { ...elsewhere.places, folders: [recipe.folder, folder] as const };
    const compared = digest === second ? { differences: [], more: 0 } : await compareImages(...sides, places);
    const ms = deps.clock.now() - startedAt;
    return { same: digest === second, first: digest, second, variations: elsewhere.variations, ...compared, ms };
  });
}

async function openElsewhere(home: Home, deps: BakeDeps, recipe: Recipe | DockerfileRecipe): Promise<ImageStore> {
  await mkdir(home.bake, { recursive: true });
  for (const name of SHARED) {
    await mkdir(join(deps.home.bake, name), { recursive: true });
    await symlink(join(deps.home.bake, name), join(home.bake, name));
  }
  const store = await openImageStore(home.images);
  const lock = await openLock(recipe, false);
  const cache = openStepCache(deps.home, deps.store);
  for (const base of await basesOf(recipe)) {
    // Bases are no part of the bake: what was pulled or baked before is taken as it is.
    const { digest } = await importLayout(
      deps.home.images,
      (await baseImage(base, recipe.folder, lock, cache, deps)).digest,
      store,
    );
    const tags = (await deps.store.list()).find((stored) => stored.digest === digest)?.tags ?? [];
    for (const tag of tags) await store.tag(digest, tag);
  }
  return store;
}

const bind = (from: string, path: string): RuntimeMount => ({ kind: 'bind', from, path, writable: false });

async function surroundingsOf({ clock }: Elsewhere, work: string): Promise<Surroundings> {
  if (clock === null) return { mounts: [], needs: [] };
  const inside = '/run/kiln/libfaketime.so.1';
  const files = { setting: join(work, 'faketimerc'), preload: join(work, 'ld.so.preload') };
  await writeFile(files.setting, clock.setting, { mode: 0o644 });
  await writeFile(files.preload, `${inside}\n`, { mode: 0o644 });
  const mounts = [bind(clock.library, inside), bind(files.setting, '/etc/faketimerc'), bind(files.preload, '/etc/ld.so.preload')];
  return { mounts, needs: clock.needs };
}

async function bakeElsewhere(request: ChildRequest, { wrapper }: Elsewhere, { signal, onEvent }: BakeDeps): Promise<Digest> {
  const [program, ...args] = [...wrapper, process.execPath, '--disable-warning=ExperimentalWarning', START, 'bake-elsewhere'];
  let rest = '';
  let last: ChildLine | null = null;
  const onOutput = (chunk: Buffer, stream: string): void => {
    if (stream !== 'stdout') return;
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      last = JSON.parse(line) as ChildLine;
      if ('event' in last) onEvent(again(last.event));
    }
  };
  const ended = await exec(program, args, { signal, onOutput, input: JSON.stringify(request) }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
  signal.throwIfAborted();
  const said = last as ChildLine | null;
  if (said !== null && 'digest' in said) return said.digest;
  if (said !== null && 'error' in said)
    throw new KilnError(said.error.code, `in the second bake, ${said.error.message}`, said.error);
  throw new Error(`the second bake ended without an answer (${ended.code ?? ended.signal}): ${ended.stderr.slice(-2000)}`);
}

const again = (event: BakeEvent): BakeEvent => ({ ...event, step: `again: ${event.step}` });
