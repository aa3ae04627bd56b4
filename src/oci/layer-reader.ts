/** Unpacks a stranger's layer as root: what it may hold, how much of it, and what its whiteouts mean. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

import { KilnError } from '../errors/error.ts';
import { asDiskFull } from '../platform/files.ts';
import { entryPath, nameOf, parentOf } from './layer-paths.ts';
import { LayerTree } from './layer-tree.ts';
import { shown, type TarHeader, unsafe } from './tar-format.ts';
import { TarReader, type TarSink } from './tar-reader.ts';

export interface UnpackLimits {
  readonly entries: number;
  /** Of the whole tar. */
  readonly bytes: number;
  /** Bytes of the tar for each byte as stored. Counts from `ratioFromBytes` on: a small layer of zeroes harms nobody. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

const UNPACK_LIMITS: UnpackLimits = { entries: 1_000_000, bytes: 64 * 2 ** 30, ratio: 200, ratioFromBytes: 2 ** 30 };

export interface UnpackOptions {
  readonly limits?: Partial<UnpackLimits>;
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
  const unpacking = new Unpacking(new LayerTree(root), { ...UNPACK_LIMITS, ...options.limits }, options.storedBytes ?? null);
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

const OPAQUE = '.wh..wh..opq';
const MARK = '.wh.';
/** What aufs kept beside the files, in very old images; it means nothing elsewhere. */
const AUFS_MARK = '.wh..wh.';
/** 0xffffffff means "leave as it is" to chown. */
const LARGEST_ID = 2 ** 32 - 2;
/** Of ext4: 34 bits. Times before 1970 become 1970: Node reads a negative time as now. */
const LATEST_SECONDS = 2 ** 34 - 1;

class Unpacking implements TarSink {
  readonly #tree: LayerTree;
  readonly #limits: UnpackLimits;
  readonly #storedBytes: number | null;
  #entries = 0;
  #bytes = 0;

  constructor(tree: LayerTree, limits: UnpackLimits, storedBytes: number | null) {
    this.#tree = tree;
    this.#limits = limits;
    this.#storedBytes = storedBytes;
  }

  /** Bytes of the archive, before anything is made of them. */
  count(bytes: number): void {
    const limits = this.#limits;
    this.#bytes += bytes;
    if (this.#bytes > limits.bytes) throw unsafe(`the layer unpacks to more than ${limits.bytes} bytes`);
    if (this.#storedBytes === null || this.#bytes < limits.ratioFromBytes) return;
    if (this.#bytes <= this.#storedBytes * limits.ratio) return;
    throw unsafe(`the layer unpacks to more than ${limits.ratio} times its ${this.#storedBytes} bytes`);
  }

  open(header: TarHeader): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) throw unsafe(`the layer has more than ${this.#limits.entries} entries`);
    const path = entryPath(header.path);
    if (header.size > this.#limits.bytes) throw unsafe(`entry ${shown(path)} claims ${header.size} bytes`);
    if (this.#mark(path, header)) return;
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
    return { entries: this.#entries, bytes: this.#bytes, impliedFolders: this.#tree.impliedFolders };
  }

  /** Whether the entry is no file, but says what of lower layers is hidden. */
  #mark(path: string, header: TarHeader): boolean {
    const name = nameOf(path);
    if (path.split('/').some((part) => part.startsWith(AUFS_MARK) && part !== OPAQUE)) return true;
    if (
      parentOf(path)
        .split('/')
        .some((part) => part.startsWith(MARK))
    )
      throw unsafe(`entry ${shown(path)} lies in a whiteout`);
    if (name === OPAQUE) this.#tree.opaque(parentOf(path));
    else if (name.startsWith(MARK)) this.#tree.whiteout(removedPath(path));
    else if (header.kind === 'character' && header.device.major === 0 && header.device.minor === 0) this.#tree.whiteout(path);
    else return false;
    return true;
  }
}

function removedPath(path: string): string {
  const name = nameOf(path).slice(MARK.length);
  if (name === '' || name === '.' || name === '..') throw unsafe(`entry ${shown(path)} is a whiteout of nothing`);
  return path.slice(0, path.length - nameOf(path).length) + name;
}

function checkAttributes(path: string, header: TarHeader): void {
  if (header.uid > LARGEST_ID || header.gid > LARGEST_ID) throw unsafe(`entry ${shown(path)} has an impossible owner`);
  // With a redirect, a layer could show anything of the layers below as its own.
  const overlay = [...header.xattrs.keys()].find((name) => name.startsWith('trusted.overlay.'));
  if (overlay !== undefined) throw unsafe(`entry ${shown(path)} sets ${overlay}, which is overlayfs's own`);
}
