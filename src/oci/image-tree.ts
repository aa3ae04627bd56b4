/** What an image looks like from within: its layers laid over each other, as a list of paths. Reads layers, unpacks none. */
import type { LayerFile, LayerListing } from './layer-listing.ts';
import { parentOf } from './layer-paths.ts';
import { scanLayer } from './layer-scan.ts';
import { Veil } from './layer-veil.ts';
import type { Image, ImageStore } from './store.ts';

export interface ImageFile extends LayerFile {
  /** The index of the layer that it is from, 0 the lowest. */
  readonly layer: number;
}

/** Path → what is there; '' is the root, paths are relative, bytes as latin1. */
export type ImageTree = ReadonlyMap<string, ImageFile>;

/** What a folder is that something lies in and that no layer has an entry for. */
const IMPLIED: LayerFile = {
  kind: 'folder',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  target: '',
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
  content: null,
};

/** Pure. Lowest layer first. Folders that only their content tells of are in it, as an instance sees them. */
export function treeOf(layers: readonly LayerListing[]): ImageTree {
  const tree = new Map<string, ImageFile>([['', { ...IMPLIED, layer: 0 }]]);
  for (const [layer, listing] of layers.entries()) {
    hide(tree, listing);
    for (const [path, file] of listing.files) {
      tree.set(path, { ...file, layer });
      if (path !== '') imply(tree, parentOf(path), layer);
    }
  }
  return tree;
}

/**
 * What a layer hides of those below it. All folders are in the tree: what is none has nothing below it, and so most layers need no
 * look at the whole of it.
 */
function hide(tree: Map<string, ImageFile>, { files, whiteouts, opaque }: LayerListing): void {
  const veil = new Veil();
  const cover = (path: string): void => {
    if (tree.get(path)?.kind === 'folder') veil.add('whiteout', path);
    else tree.delete(path);
  };
  for (const path of whiteouts) cover(path);
  for (const [path, { kind }] of files) if (kind !== 'folder') cover(path);
  for (const path of opaque) if (tree.has(path)) veil.add('opaque', path);
  veil.apply(tree);
}

function imply(tree: Map<string, ImageFile>, path: string, layer: number): void {
  const there = tree.get(path);
  // What lies in a folder of an upper layer lies in a folder, whatever the layers below have there.
  if (there !== undefined && (there.kind === 'folder' || there.layer === layer)) return;
  tree.set(path, { ...IMPLIED, layer });
  if (path !== '') imply(tree, parentOf(path), layer);
}

type Contents = Pick<ImageStore, 'openLayer'>;

/**
 * The contents of an image's files for which `wanted` is true, as its instances see them; links are not followed. A file of
 * more than `maxBytes` is left out. Throws as `scanLayer`.
 */
export async function readImageFiles(
  store: Contents,
  image: Pick<Image, 'layers'>,
  wanted: (path: string) => boolean,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const layer of image.layers) {
    signal?.throwIfAborted();
    const own = new Map<string, Buffer>();
    const veil = new Veil();
    await scanLayer(store, layer, {
      entry({ path, kind, size }) {
        if (kind !== 'folder') veil.add('whiteout', path);
        own.delete(path);
        if (kind !== 'file' || size > maxBytes || !wanted(path)) return null;
        const chunks: Buffer[] = [];
        return {
          write: (bytes) => void chunks.push(Buffer.from(bytes)),
          end: () => void own.set(path, Buffer.concat(chunks)),
        };
      },
      hidden: ({ kind, path }) => veil.add(kind, path),
    });
    veil.apply(found);
    for (const [path, content] of own) found.set(path, content);
  }
  return found;
}
