/**
 * Layers, unpacked once each: one EROFS file per layer in home.layers, mounted read-only under home.run/layers, shared by
 * every image and instance that has the layer. Where the kernel has no EROFS, the unpacked folder bound read-only instead.
 * The disk and /proc/self/mountinfo are the only record, so a new daemon finds what the last one made.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { hexOf, type Digest } from '../domain/digest.ts';
import { unpackLayer } from '../oci/layer-reader.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { isAlive } from '../platform/alive.ts';
import { asDiskFull, isThere, readIfThere, syncFolder, writeFileAtomic } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import { mountErofs, packErofs } from './erofs.ts';
import { bindReadOnly, isMounted, isUnder, mounts, unmount, unmountUnder } from './mounts.ts';

export interface LayerMounts {
  /** Where lower folders are named from: `ensure` answers folders right below it. */
  readonly base: string;
  /**
   * The folder with the layer's files, in overlayfs's own terms (whiteouts as 0:0 devices, opaque folders by attribute).
   * Idempotent; calls for the same layer share the work. LAYER_UNSAFE, DIGEST_MISMATCH and DISK_FULL leave nothing.
   */
  ensure(layer: Layer): Promise<string>;
  /**
   * Folders that the layer, already ensured, has things in without saying whose they are: made root's with mode 0755, which in
   * a stack would hide what a lower layer says of them.
   */
  impliedFolders(layer: Layer): Promise<readonly string[]>;
  /** Unmounts and deletes every layer that is not in use. */
  release(inUse: ReadonlySet<Digest>): Promise<void>;
  /** Unmounts every layer; what was unpacked stays for the next `ensure`. Only for when no instance is left. */
  unmountAll(): Promise<void>;
}

interface Places {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
  /** A list of folders; there only where the layer has some. */
  readonly implied: string;
}

/** Below it lie unpackings that aren't finished, in folders named after the process that makes them. */
const WORK = '.work-';

/** `form`: what layers are unpacked to; `folders` also where the kernel has EROFS, which lists a folder in another order. */
export function openLayerMounts(home: Home, store: ImageStore, form: 'erofs' | 'folders' = 'erofs'): LayerMounts {
  const base = join(home.run, 'layers');
  const underway = new Map<Digest, Promise<string>>();
  let probed: Promise<boolean> | undefined;
  const erofsWorks = (): Promise<boolean> => (probed ??= form === 'erofs' ? probeErofs(home) : Promise.resolve(false));
  const ensure = (layer: Layer): Promise<string> => {
    const known = underway.get(layer.diffId);
    if (known !== undefined) return known;
    const work = ensureMounted(home, store, layer, erofsWorks).finally(() => underway.delete(layer.diffId));
    underway.set(layer.diffId, work);
    return work;
  };
  return {
    base,
    ensure,
    impliedFolders: (layer) => readImplied(placesOf(home, hexOf(layer.diffId)).implied),
    release: async (inUse) => {
      await Promise.allSettled(underway.values());
      await releaseUnused(home, base, inUse);
    },
    unmountAll: async () => {
      await Promise.allSettled(underway.values());
      await unmountUnder(base);
    },
  };
}

/** 12 hexadecimal digits name a mount: an image of 300 layers still fits into one page of mount options. */
const shortOf = (hex: string): string => hex.slice(0, 12);

function placesOf(home: Home, hex: string): Places {
  return {
    file: join(home.layers, `${hex}.erofs`),
    folder: join(home.layers, `${hex}.files`),
    target: join(home.run, 'layers', shortOf(hex)),
    implied: join(home.layers, `${hex}.implied.json`),
  };
}

async function ensureMounted(home: Home, store: ImageStore, layer: Layer, erofsWorks: () => Promise<boolean>): Promise<string> {
  const places = placesOf(home, hexOf(layer.diffId));
  if (await isMounted(places.target)) return places.target;
  if (!(await isThere(places.file)) && !(await isThere(places.folder))) {
    await unpack(home, store, layer, places, await erofsWorks());
  }
  await mkdir(places.target, { recursive: true });
  if (await isThere(places.file)) await mountErofs(places.file, places.target);
  else await bindReadOnly(places.folder, places.target);
  return places.target;
}

async function unpack(home: Home, store: ImageStore, layer: Layer, places: Places, erofs: boolean): Promise<void> {
  await sweepWork(home);
  const work = await makeWork(home);
  try {
    const files = join(work, 'files');
    await mkdir(files);
    const { impliedFolders } = await unpackLayer(await store.openLayer(layer), files, { storedBytes: layer.descriptor.size });
    if (impliedFolders.length > 0) await writeFileAtomic(places.implied, JSON.stringify(impliedFolders));
    if (erofs) {
      await packErofs(files, join(work, 'erofs'));
      await rename(join(work, 'erofs'), places.file);
    } else await rename(files, places.folder);
    await syncFolder(home.layers);
  } catch (error) {
    throw asDiskFull(error, places.file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function readImplied(file: string): Promise<readonly string[]> {
  return JSON.parse((await readIfThere(file)) ?? '[]') as readonly string[];
}

/** Whether this machine can pack and mount EROFS, found out by doing it. */
async function probeErofs(home: Home): Promise<boolean> {
  const work = await makeWork(home);
  const target = join(work, 'mounted');
  try {
    await mkdir(target);
    await packErofs(target, join(work, 'erofs'));
    await mountErofs(join(work, 'erofs'), target);
    await unmount(target);
    return true;
  } catch {
    return false;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function makeWork(home: Home): Promise<string> {
  const work = join(home.layers, `${WORK}${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(work, { recursive: true });
  return work;
}

/** Deletes what unpackings left that a crash cut off. */
async function sweepWork(home: Home): Promise<void> {
  for (const name of await readdir(home.layers).catch(() => [])) {
    const pid = Number(name.startsWith(WORK) ? name.slice(WORK.length).split('-')[0] : Number.NaN);
    if (pid === process.pid || Number.isNaN(pid) || isAlive(pid)) continue;
    const left = join(home.layers, name);
    await unmountUnder(left);
    await rm(left, { recursive: true, force: true });
  }
}

async function releaseUnused(home: Home, base: string, inUse: ReadonlySet<Digest>): Promise<void> {
  const kept = new Set([...inUse].map(hexOf));
  const keptShort = new Set([...kept].map(shortOf));
  for (const mount of await mounts()) {
    if (isUnder(mount.target, base) && !keptShort.has(basename(mount.target))) await unmount(mount.target);
  }
  for (const name of await readdir(base).catch(() => [])) {
    if (!keptShort.has(name)) await rmdir(join(base, name));
  }
  await sweepWork(home);
  for (const name of await readdir(home.layers).catch(() => [])) {
    const hex = /^([0-9a-f]{64})\.(?:erofs|files|implied\.json)$/.exec(name)?.[1];
    if (hex !== undefined && !kept.has(hex)) await rm(join(home.layers, name), { recursive: true, force: true });
  }
}
