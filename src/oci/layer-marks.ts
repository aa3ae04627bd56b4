/** Entries of a layer that are no files, but say what of the layers below is hidden (OCI image specification, layer.md). */
import { nameOf, parentOf } from './layer-paths.ts';
import { shown, type TarHeader, unsafe } from './tar-format.ts';

const OPAQUE = '.wh..wh..opq';
const MARK = '.wh.';
/** What aufs kept beside the files, in very old images; it means nothing elsewhere. */
const AUFS_MARK = '.wh..wh.';

/** `path` is what is hidden: that path itself, or all that lower layers have in that folder. `none` hides nothing. */
export type Mark = { readonly kind: 'whiteout' | 'opaque'; readonly path: string } | { readonly kind: 'none' };

/** Null: an entry like any other. Throws LAYER_UNSAFE for a mark that means nothing. */
export function markOf(path: string, header: TarHeader): Mark | null {
  const name = nameOf(path);
  if (path.split('/').some((part) => part.startsWith(AUFS_MARK) && part !== OPAQUE)) return { kind: 'none' };
  const parents = parentOf(path).split('/');
  if (parents.some((part) => part.startsWith(MARK))) throw unsafe(`entry ${shown(path)} lies in a whiteout`);
  if (name === OPAQUE) return { kind: 'opaque', path: parentOf(path) };
  if (name.startsWith(MARK)) return { kind: 'whiteout', path: removedPath(path) };
  const { kind, device } = header;
  return kind === 'character' && device.major === 0 && device.minor === 0 ? { kind: 'whiteout', path } : null;
}

function removedPath(path: string): string {
  const name = nameOf(path).slice(MARK.length);
  if (name === '' || name === '.' || name === '..') throw unsafe(`entry ${shown(path)} is a whiteout of nothing`);
  return path.slice(0, path.length - nameOf(path).length) + name;
}
