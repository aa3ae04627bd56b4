/**
 * The tree that a layer is unpacked to. It knows everything that was made in it and reaches a path only through folders that
 * it made itself: no link, whenever it came, can lead a write elsewhere. Synchronous, so that entries can't overtake each other.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

import { linkPath, parentOf } from './layer-paths.ts';
import { makeFifos, makeWhiteouts } from './special-files.ts';
import { bytesOf, shown, type TarHeader, type TarKind, unsafe } from './tar-format.ts';
import { isPortable, writeXattrs } from './xattrs.ts';

const OPAQUE = new Map([['trusted.overlay.opaque', 'y']]);
const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const TARGET_BYTES = 4095;

export class LayerTree {
  readonly #root: string;
  readonly #prefix: Buffer;
  readonly #made = new Map<string, TarKind>([['', 'folder']]);
  readonly #implied = new Set<string>();
  /** Set at the end: making something in a folder changes its time. */
  readonly #folderTimes = new Map<string, number>([['', 0]]);
  readonly #xattrs = new Map<string, ReadonlyMap<string, string>>();
  readonly #fifos = new Map<string, TarHeader>();
  readonly #whiteouts = new Set<string>();
  readonly #opaque = new Set<string>();
  #open: { readonly file: number; readonly header: TarHeader } | null = null;

  /** `root` is an empty folder. */
  constructor(root: string) {
    this.#root = root;
    this.#prefix = Buffer.from(`${root}/`);
    chmodSync(root, 0o755);
    lchownSync(root, 0, 0);
  }

  /** The folders that have no entry of their own. */
  get impliedFolders(): readonly string[] {
    return [...this.#implied].map((path) => bytesOf(path).toString('utf8'));
  }

  /** For files, `write` and `close` follow. */
  make(path: string, header: TarHeader): void {
    if (this.#made.has(path)) this.#replace(path, header.kind);
    else this.#ensureFolder(parentOf(path), path);
    this.#create(path, header);
    this.#made.set(path, header.kind);
    if (header.kind !== 'file' && header.kind !== 'folder') return;
    const portable = [...header.xattrs].filter(([name]) => isPortable(name));
    if (portable.length > 0) this.#xattrs.set(path, new Map(portable));
  }

  write(bytes: Buffer): void {
    if (this.#open === null) return;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#open.file, bytes, at);
  }

  close(): void {
    if (this.#open === null) return;
    const { file, header } = this.#open;
    fchownSync(file, header.uid, header.gid);
    fchmodSync(file, header.mode); // After the owner, whose change clears setuid.
    futimesSync(file, header.mtimeSeconds, header.mtimeSeconds);
    this.abandon();
  }

  /** Lets go of a file that is being written. */
  abandon(): void {
    if (this.#open !== null) closeSync(this.#open.file);
    this.#open = null;
  }

  /** Hides what lower layers have at the path; what this layer itself has there stays. */
  whiteout(path: string): void {
    this.#whiteouts.add(path);
  }

  /** Hides what lower layers have in the folder. */
  opaque(folder: string): void {
    this.#opaque.add(folder);
  }

  /** Makes what had to wait for the last entry. */
  async finish(): Promise<void> {
    await this.#finishFifos();
    await this.#finishWhiteouts();
    for (const folder of this.#opaque) this.#ensureFolder(folder, folder);
    for (const folder of this.#opaque) this.#xattrs.set(folder, new Map([...(this.#xattrs.get(folder) ?? []), ...OPAQUE]));
    await writeXattrs(this.#root, this.#xattrs);
    for (const [path, mtime] of this.#folderTimes) lutimesSync(this.#at(path), mtime, mtime);
  }

  #replace(path: string, kind: TarKind): void {
    const before = this.#made.get(path);
    if (before === 'folder' && kind === 'folder') return;
    if (before === 'folder') throw unsafe(`entry ${shown(path)} would put a ${kind} in the place of a folder of the same layer`);
    if (!this.#fifos.delete(path)) unlinkSync(this.#at(path));
    this.#xattrs.delete(path);
    this.#made.delete(path);
  }

  #ensureFolder(path: string, entry: string): void {
    const kind = this.#made.get(path);
    if (kind === 'folder') return;
    if (kind !== undefined) throw unsafe(`entry ${shown(entry)} leads through ${shown(path)}, which is a ${kind}`);
    this.#ensureFolder(parentOf(path), entry);
    mkdirSync(this.#at(path));
    this.#settle(path, { mode: 0o755, uid: 0, gid: 0 });
    this.#made.set(path, 'folder');
    this.#folderTimes.set(path, 0);
    this.#implied.add(path);
  }

  #create(path: string, header: TarHeader): void {
    const at = this.#at(path);
    switch (header.kind) {
      case 'folder':
        return this.#createFolder(path, header);
      case 'file':
        this.#open = { file: openSync(at, EXCLUSIVE, 0o600), header };
        return;
      case 'symlink':
        if (header.target === '' || header.target.length > TARGET_BYTES)
          throw unsafe(`the link ${shown(path)} has an impossible target`);
        symlinkSync(bytesOf(header.target), at);
        lchownSync(at, header.uid, header.gid);
        return lutimesSync(at, header.mtimeSeconds, header.mtimeSeconds);
      case 'hardlink':
        return linkSync(this.#at(this.#linked(path, header.target)), at);
      case 'fifo':
        this.#fifos.set(path, header);
        return;
      case 'character':
      case 'block':
        throw unsafe(`entry ${shown(path)} is a device node`);
    }
  }

  #createFolder(path: string, header: TarHeader): void {
    if (!this.#made.has(path)) mkdirSync(this.#at(path));
    this.#settle(path, header);
    this.#implied.delete(path);
    this.#folderTimes.set(path, header.mtimeSeconds);
  }

  /** Owner and mode of a folder or fifo: never of a link, which chmod would follow. */
  #settle(path: string, { mode, uid, gid }: Pick<TarHeader, 'mode' | 'uid' | 'gid'>): void {
    lchownSync(this.#at(path), uid, gid);
    chmodSync(this.#at(path), mode);
  }

  #linked(path: string, target: string): string {
    const linked = linkPath(target);
    const kind = this.#made.get(linked);
    if (kind === 'file' || kind === 'symlink' || kind === 'hardlink') return linked;
    throw unsafe(`the hard link ${shown(path)} leads to ${shown(target)}, which is no file of the layer`);
  }

  async #finishFifos(): Promise<void> {
    await makeFifos(
      this.#root,
      [...this.#fifos.keys()].map((path) => this.#at(path)),
    );
    for (const [path, header] of this.#fifos) {
      this.#settle(path, header);
      lutimesSync(this.#at(path), header.mtimeSeconds, header.mtimeSeconds);
    }
  }

  async #finishWhiteouts(): Promise<void> {
    const nodes: Buffer[] = [];
    for (const path of this.#whiteouts) {
      const kind = this.#made.get(path);
      // A folder that was removed and made anew shows nothing of the old one; any other entry hides the lower one by itself.
      if (kind === 'folder') this.#opaque.add(path);
      if (kind !== undefined) continue;
      this.#ensureFolder(parentOf(path), path);
      nodes.push(this.#at(path));
    }
    await makeWhiteouts(this.#root, nodes);
  }

  #at(path: string): Buffer {
    return Buffer.concat([this.#prefix, bytesOf(path)]);
  }
}
