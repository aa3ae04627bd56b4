/** The entries of a folder on this machine, in archive order; overlayfs's marks become OCI's. Reads, never writes. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';

import { type ArchiveEntry, NO_EXTRAS, whiteoutEntry } from './archive.ts';
import { bytesOf, shown, type TarHeader, type TarKind, unsafe } from './tar-format.ts';
import { isPortable, type TreeXattrs } from './xattrs.ts';

export interface FolderOptions {
  /** Seconds since 1970: no time in the layer is later (reproducible-builds.org, SOURCE_DATE_EPOCH). */
  readonly epochSeconds: number;
  /**
   * The folder is an overlayfs upper directory: its whiteouts and opaque folders become OCI whiteouts. Mount with
   * `redirect_dir=off,metacopy=off`: an upper directory with either is refused (LAYER_UNSAFE).
   */
  readonly overlay: boolean;
}

const OPAQUE_MARK = '.wh..opq';
const OVERLAY = 'trusted.overlay.';

interface Walk {
  readonly root: Buffer;
  readonly xattrs: TreeXattrs;
  readonly options: FolderOptions;
  /** Device and inode → the path under which the file was met first. */
  readonly met: Map<string, string>;
}

export function* folderEntries(root: Buffer, xattrs: TreeXattrs, options: FolderOptions): Generator<ArchiveEntry> {
  yield* childrenOf({ root, xattrs, options, met: new Map() }, '');
}

function* childrenOf(walk: Walk, folder: string): Generator<ArchiveEntry> {
  const names = readdirSync(locate(walk, folder), { encoding: 'latin1' });
  const items = names.map((name) => ({ name, path: folder === '' ? name : `${folder}/${name}` }));
  const marked = items
    .map((item) => ({ ...item, status: lstatSync(locate(walk, item.path)) }))
    .map((item) => ({
      ...item,
      isWhiteout: walk.options.overlay && item.status.isCharacterDevice() && item.status.rdev === 0,
    }));
  // Sorted by the name that is written, so that a layer does not depend on which kind of folder it was made from.
  const sorted = marked.toSorted((a, b) => (writtenName(a) < writtenName(b) ? -1 : 1));
  for (const { name, path, status, isWhiteout } of sorted) {
    if (name.startsWith('.wh.')) throw unsafe(`${shown(path)} has a name that means "removed" in a layer`, 'rename the file');
    if (isWhiteout) yield whiteoutEntry(path, walk.options.epochSeconds);
    else yield* entryAt(walk, path, status);
  }
}

const writtenName = (item: { name: string; isWhiteout: boolean }): string => (item.isWhiteout ? `.wh.${item.name}` : item.name);

function* entryAt(walk: Walk, path: string, status: Stats): Generator<ArchiveEntry> {
  const kind = kindOf(status);
  if (kind === null) return;
  const all = walk.xattrs.get(path) ?? new Map<string, string>();
  if (walk.options.overlay) refuseRedirects(path, all);
  const first = kind === 'file' ? firstOf(walk, path, status) : null;
  const header: TarHeader = {
    ...NO_EXTRAS,
    path: kind === 'folder' ? `${path}/` : path,
    kind: first === null ? kind : 'hardlink',
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    size: kind === 'file' && first === null ? status.size : 0,
    mtimeSeconds: clamped(status.mtimeMs, walk.options.epochSeconds),
    target: kind === 'symlink' ? readlinkSync(locate(walk, path), { encoding: 'latin1' }) : (first ?? ''),
    xattrs: new Map(first === null ? [...all].filter(([name]) => isPortable(name)) : []),
  };
  yield { header, content: header.size > 0 ? { from: locate(walk, path) } : null };
  if (kind !== 'folder') return;
  if (walk.options.overlay && all.get(`${OVERLAY}opaque`) === 'y')
    yield whiteoutEntry(`${path}/${OPAQUE_MARK}`, walk.options.epochSeconds);
  yield* childrenOf(walk, path);
}

/** Null for sockets, which are no content, and device nodes, which no instance may bring along. */
function kindOf(status: Stats): TarKind | null {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'folder';
  if (status.isSymbolicLink()) return 'symlink';
  return status.isFIFO() ? 'fifo' : null;
}

function firstOf(walk: Walk, path: string, status: Stats): string | null {
  if (status.nlink === 1) return null;
  const key = `${status.dev}:${status.ino}`;
  const first = walk.met.get(key);
  if (first === undefined) walk.met.set(key, path);
  return first ?? null;
}

/** A redirected folder or a file without its own data means something only together with the lower layers it was mounted over. */
function refuseRedirects(path: string, xattrs: ReadonlyMap<string, string>): void {
  const found = ['redirect', 'metacopy'].find((name) => xattrs.has(OVERLAY + name));
  if (found === undefined) return;
  throw unsafe(
    `${shown(path)} is an overlayfs ${found}, which a layer cannot hold`,
    'mount the overlay with redirect_dir=off,metacopy=off',
  );
}

const clamped = (mtimeMs: number, epochSeconds: number): number =>
  Math.min(Math.max(Math.floor(mtimeMs / 1000), 0), epochSeconds);
const locate = (walk: Walk, path: string): Buffer => (path === '' ? walk.root : Buffer.concat([walk.root, bytesOf(`/${path}`)]));
