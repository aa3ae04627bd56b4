/** What of an image's files the lint looks at: all names with their modes, and which lines of scripts install something. */
import { treeOf } from '../../oci/image-tree.ts';
import type { GateSubject } from '../contract.ts';
import { keptLayerFiles, type LayerFiles, readLayerFiles } from '../layer-files.ts';

export interface ImageEntry {
  readonly kind: string;
  readonly mode: number;
  readonly size: number;
  /** Of a symbolic link: where it leads. */
  readonly target: string;
  /** Lines of a script that install packages or fetch code, from 1. */
  readonly installs: readonly number[];
}

/** Path without the leading slash → what is there when an instance starts. */
export type Contents = ReadonlyMap<string, ImageEntry>;

const NONE: readonly number[] = [];

/** Several gates ask for it, of one subject. */
const known = new WeakMap<GateSubject, Promise<Contents>>();

export function contentsOf(subject: GateSubject): Promise<Contents> {
  const found = known.get(subject) ?? readContents(subject);
  known.set(subject, found);
  return found;
}

async function readContents({ image, store, cacheFolder, signal }: GateSubject): Promise<Contents> {
  const layers: LayerFiles[] = [];
  for (const layer of image.layers) {
    signal.throwIfAborted();
    layers.push(await keptLayerFiles(cacheFolder, layer, () => readLayerFiles(store, layer)));
  }
  const contents = new Map<string, ImageEntry>();
  for (const [path, { kind, mode, size, target, layer }] of treeOf(layers)) {
    contents.set(path, { kind, mode, size, target, installs: layers[layer]?.installs.get(path) ?? NONE });
  }
  return contents;
}
