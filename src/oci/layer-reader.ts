/** Unpacks a stranger's layer as root: what it may hold, how much of it, and what its whiteouts mean. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

import { KilnError } from '../errors/error.ts';
import { asDiskFull } from '../platform/files.ts';
import { type LayerLimits, LayerBudget } from './layer-limits.ts';
import { markOf } from './layer-marks.ts';
import { entryPath } from './layer-paths.ts';
import { LayerTree } from './layer-tree.ts';
import { shown, type TarHeader, unsafe } from './tar-format.ts';
import { TarReader, type TarSink } from './tar-reader.ts';

export interface UnpackOptions {
  readonly limits?: Partial<LayerLimits>;
  /** The size of the blob, for the ratio. Absent: the ratio is not looked at. */
  readonly storedBytes?: number;
}

export interface Unpacked {
  readonly entries: number;
  /** Of the tar. */
  readonly bytes: number;
  /**
   * Folders that the layer has things in but no entry for, made root's with mode 0755: in a stack of layers they hide the
   * owner and mode that a lower layer gives them. Most layers have none.
   */
  readonly impliedFolders: readonly string[];
}

/**
 * Unpacks into `folder`, which is made or must be empty. Whiteouts become overlayfs's (a character device 0/0,
 * trusted.overlay.opaque). Throws LAYER_UNSAFE naming the entry, DISK_FULL, NEEDS_ROOT, or what the stream failed with; then
 * the folder is gone. Nothing is synced to disk.
 */
export async function unpackLayer(tar: Readable, folder: string, options: UnpackOptions = {}): Promise<Unpacked> {
  const root = resolve(folder);
  await claim(root);
  const unpacking = new Unpacking(new LayerTree(root), new LayerBudget(options.limits ?? {}, options.storedBytes ?? null));
  try {
    const reader = new TarReader(unpacking);
    for await (const chunk of tar) {
      unpacking.count((chunk as Buffer).length);
      reader.feed(chunk as Buffer);
    }
    reader.finish();
    return await unpacking.finish();
  } catch (error) {
    tar.destroy();
    unpacking.abandon();
    await rm(root, { recursive: true, force: true });
    throw asDiskFull(error, root);
  }
}

async function claim(root: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new KilnError('NEEDS_ROOT', 'only root can unpack a layer: it sets owners', { hint: 'run the daemon as root' });
  }
  await mkdir(root, { recursive: true });
  if ((await readdir(root)).length > 0) throw new Error(`${root} is not empty`);
}

/** 0xffffffff means "leave as it is" to chown. */
const LARGEST_ID = 2 ** 32 - 2;
/** Of ext4: 34 bits. Times before 1970 become 1970: Node reads a negative time as now. */
const LATEST_SECONDS = 2 ** 34 - 1;

class Unpacking implements TarSink {
  readonly #tree: LayerTree;
  readonly #budget: LayerBudget;

  constructor(tree: LayerTree, budget: LayerBudget) {
    this.#tree = tree;
    this.#budget = budget;
  }

  count(bytes: number): void {
    this.#budget.count(bytes);
  }

  open(header: TarHeader): void {
    const path = entryPath(header.path);
    this.#budget.entry(path, header);
    const mark = markOf(path, header);
    if (mark?.kind === 'opaque') this.#tree.opaque(mark.path);
    if (mark?.kind === 'whiteout') this.#tree.whiteout(mark.path);
    if (mark !== null) return;
    if (path === '' && header.kind !== 'folder') throw unsafe(`the layer's root is a ${header.kind}`);
    checkAttributes(path, header);
    const mtimeSeconds = Math.min(Math.max(header.mtimeSeconds, 0), LATEST_SECONDS);
    this.#tree.make(path, { ...header, mtimeSeconds });
  }

  write(bytes: Buffer): void {
    this.#tree.write(bytes);
  }

  close(): void {
    this.#tree.close();
  }

  abandon(): void {
    this.#tree.abandon();
  }

  async finish(): Promise<Unpacked> {
    await this.#tree.finish();
    const { entries, bytes } = this.#budget;
    return { entries, bytes, impliedFolders: this.#tree.impliedFolders };
  }
}

function checkAttributes(path: string, header: TarHeader): void {
  if (header.uid > LARGEST_ID || header.gid > LARGEST_ID) throw unsafe(`entry ${shown(path)} has an impossible owner`);
  // With a redirect, a layer could show anything of the layers below as its own.
  const overlay = [...header.xattrs.keys()].find((name) => name.startsWith('trusted.overlay.'));
  if (overlay !== undefined) throw unsafe(`entry ${shown(path)} sets ${overlay}, which is overlayfs's own`);
}
