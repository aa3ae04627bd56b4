/**
 * Root folders of instances: an image's layers stacked read-only, with a skeleton on top that holds what instances have
 * mounted over them and the image lacks. So nothing is ever written into an image. One root serves all instances of a
 * release (and of any other with the same image and the same places).
 */
import { chmod, chown, mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { hexOf } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import type { LayerMounts } from '../../linux/layers.ts';
import { bindReadOnly, isMounted, stackReadOnly, unmount, unmountUnder } from '../../linux/mounts.ts';
import { resolveInRoot } from '../../linux/rooted-path.ts';
import type { Image } from '../../oci/store.ts';
import { sha256 } from '../../platform/hash.ts';

/** A place in the root that something is mounted on. */
export interface Place {
  readonly path: string;
  /** `scratch`: a folder that is open to all (the OCI runtime gives a tmpfs the mode of the folder that it covers). */
  readonly kind: 'folder' | 'file' | 'scratch';
}

export interface Root {
  readonly key: string;
  readonly folder: string;
}

export interface Roots {
  /** The key of the root for this image and these places. */
  keyOf(image: Image, places: readonly Place[]): string;
  /** Mounted when it returns, and kept until each holder let go. Calls for the same root share the work. */
  acquire(key: string, holder: string, image: Image, places: readonly Place[]): Promise<Root>;
  /** A root that was acquired by an earlier daemon. */
  adopt(key: string, holder: string): void;
  /** The last holder's leaving unmounts it. */
  letGo(key: string, holder: string): Promise<void>;
  /** Unmounts and deletes what nobody holds. */
  sweep(): Promise<void>;
}

export function openRoots(base: string, layers: LayerMounts): Roots {
  const holders = new Map<string, Set<string>>();
  /** What is being done to each root, one thing at a time. */
  const queues = new Map<string, Promise<unknown>>();
  const inTurn = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(work, work);
    queues.set(key, turn);
    return turn;
  };
  const hold = (key: string, holder: string): void => {
    holders.set(key, (holders.get(key) ?? new Set()).add(holder));
  };
  const removeIfFree = (key: string): Promise<void> =>
    inTurn(key, async () => {
      if ((holders.get(key)?.size ?? 0) > 0) return;
      await unmountUnder(join(base, key));
      await rm(join(base, key), { recursive: true, force: true });
    });
  return {
    keyOf: (image, places) => hexOf(sha256(JSON.stringify([image.digest, places]))).slice(0, 12),
    acquire: (key, holder, image, places) => {
      hold(key, holder);
      return inTurn(key, () => ensureRoot(base, layers, key, image, places));
    },
    adopt: hold,
    letGo: async (key, holder) => {
      holders.get(key)?.delete(holder);
      await removeIfFree(key);
    },
    sweep: async () => {
      for (const key of await readdir(base).catch(() => [])) await removeIfFree(key);
    },
  };
}

async function ensureRoot(base: string, layers: LayerMounts, key: string, image: Image, places: readonly Place[]): Promise<Root> {
  const folder = join(base, key, 'root');
  // Mounted there is only what is whole: a crash on the way leaves the image alone, elsewhere.
  if (await isMounted(folder)) return { key, folder };
  const [skeleton, bare] = [join(base, key, 'skeleton'), join(base, key, 'image')];
  await unmountUnder(bare);
  await rm(skeleton, { recursive: true, force: true });
  for (const made of [folder, bare, skeleton]) await mkdir(made, { recursive: true });
  const lower = (await Promise.all(image.layers.map((layer) => layers.ensure(layer)))).toReversed();
  await mountImage(layers.base, lower, bare);
  try {
    await copyAttributes(bare, skeleton);
    await restoreAttributes(layers, image, lower, { folder: bare, skeleton });
    for (const place of places) await addPlace(bare, skeleton, place);
  } finally {
    await unmount(bare);
  }
  await mountStack(layers.base, [skeleton, ...lower], folder);
  return { key, folder };
}

/**
 * A layer may have a file in a folder without saying whose the folder is: the layers below say it then (/tmp stays open to
 * all), and the skeleton, lying on top, repeats it.
 */
async function restoreAttributes(
  layers: LayerMounts,
  image: Image,
  lower: readonly string[],
  { folder, skeleton }: { readonly folder: string; readonly skeleton: string },
): Promise<void> {
  const implied = (await Promise.all(image.layers.map((layer) => layers.impliedFolders(layer)))).toReversed();
  for (const path of [...new Set(implied.flat())].map((name) => `/${name}`).toSorted()) {
    const saying = await firstWith(
      lower.filter((_, at) => implied[at]?.includes(path.slice(1)) !== true),
      path,
    );
    if (saying === undefined || !(await hasFolder(folder, path))) continue;
    await addFolder(folder, skeleton, path);
    await copyAttributes(join(saying, path), join(skeleton, path));
  }
}

async function firstWith(roots: readonly string[], path: string): Promise<string | undefined> {
  for (const root of roots) if (await hasFolder(root, path)) return root;
  return undefined;
}

/** The folder itself, not one that a link leads to. */
async function hasFolder(root: string, path: string): Promise<boolean> {
  const { path: real, found } = await resolveInRoot(root, path);
  return real === path && found?.isDirectory() === true;
}

/** The image alone, to see what it has. */
async function mountImage(base: string, lower: readonly string[], folder: string): Promise<void> {
  const [only] = lower;
  if (only === undefined) return; // An image without layers: the empty folder itself.
  if (lower.length === 1) await bindReadOnly(only, folder);
  else await mountStack(base, lower, folder);
}

async function mountStack(base: string, lower: readonly string[], folder: string): Promise<void> {
  if (lower.length === 1) return bindReadOnly(lower[0] ?? '', folder);
  await stackReadOnly(
    base,
    lower.map((path) => relative(base, path)),
    folder,
  );
}

/** Lays an empty folder or file into the skeleton where the image has none; what leads there keeps its owner and mode. */
async function addPlace(image: string, skeleton: string, place: Place): Promise<void> {
  const { path, found } = await resolveInRoot(image, place.path);
  const isFile = place.kind === 'file';
  const fits = isFile ? found?.isFile() : found?.isDirectory();
  if (found !== null && fits !== true) throw misfit(place);
  if (fits === true && place.kind !== 'scratch') return;
  if (!(await addFolder(image, skeleton, isFile ? dirname(path) : path))) throw misfit(place);
  if (isFile) await writeFile(join(skeleton, path), '', { flag: 'a', mode: 0o644 });
  if (place.kind === 'scratch') await chmod(join(skeleton, path), 0o1777);
}

/** The path has no links. False: something that is not a folder is in the way. */
async function addFolder(image: string, skeleton: string, path: string): Promise<boolean> {
  if (path === '/') return true;
  if (!(await addFolder(image, skeleton, dirname(path)))) return false;
  const { found } = await resolveInRoot(image, path);
  if (found !== null && !found.isDirectory()) return false;
  const here = join(skeleton, path);
  const made = await mkdir(here, { recursive: true });
  if (made !== undefined && found !== null) await copyAttributes(join(image, path), here);
  else if (made !== undefined) await chmod(here, 0o755);
  return true;
}

async function copyAttributes(from: string, to: string): Promise<void> {
  const { uid, gid, mode, atime, mtime } = await stat(from);
  await chown(to, uid, gid);
  await chmod(to, mode & 0o7777);
  await utimes(to, atime, mtime);
}

function misfit({ path, kind }: Place): KilnError {
  const needed = kind === 'file' ? 'file' : 'folder';
  return new KilnError('LAUNCH_FAILED', `${path} in the image is not a ${needed}, so no ${needed} can be laid over it`, {
    hint: `give another path in kiln.yaml, or make ${path} a ${needed} in the recipe`,
  });
}
