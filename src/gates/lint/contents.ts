/** What of an image's files the lint looks at: all names with their modes, and which lines of scripts install something. */
import type { Json } from '../../domain/json.ts';
import { scanLayer, type ContentSink } from '../../oci/layer-scan.ts';
import type { Layer } from '../../oci/store.ts';
import type { GateSubject } from '../contract.ts';
import { onceForLayer } from '../layer-cache.ts';
import { installLines, isScript, SCRIPT_BYTES } from './installs.ts';

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

const VERSION = 'lint-1';

type Row = readonly [path: string, kind: string, mode: number, size: number, target: string, installs: readonly number[]];
type Listing = { readonly rows: readonly Row[]; readonly whiteouts: readonly string[]; readonly opaque: readonly string[] };

export async function contentsOf({ image, store, cacheFolder, signal }: GateSubject): Promise<Contents> {
  const contents = new Map<string, ImageEntry>();
  for (const layer of image.layers) {
    signal.throwIfAborted();
    const listing = (await onceForLayer(
      cacheFolder,
      VERSION,
      layer,
      async () => (await listLayer(store, layer)) as Json,
    )) as Listing;
    hide(contents, listing);
    for (const [path, kind, mode, size, target, installs] of listing.rows)
      contents.set(path, { kind, mode, size, target, installs });
  }
  return contents;
}

function hide(contents: Map<string, ImageEntry>, { whiteouts, opaque }: Listing): void {
  if (whiteouts.length === 0 && opaque.length === 0) return;
  const [gone, emptied] = [new Set(whiteouts), new Set(opaque)];
  const isHidden = (path: string): boolean => {
    if (gone.has(path) || emptied.has('')) return true;
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (gone.has(folder) || emptied.has(folder)) return true;
    }
    return false;
  };
  for (const path of contents.keys()) if (isHidden(path)) contents.delete(path);
}

async function listLayer(store: GateSubject['store'], layer: Layer): Promise<Listing> {
  const rows = new Map<string, Row>();
  const whiteouts: string[] = [];
  const opaque: string[] = [];
  await scanLayer(store, layer, {
    entry({ path, kind, mode, size, target }) {
      const row = (installs: readonly number[]): void => void rows.set(path, [path, kind, mode, size, target, installs]);
      row([]);
      return kind === 'file' && size <= SCRIPT_BYTES ? readScript(path, row) : null;
    },
    hidden: (mark) => void (mark.kind === 'opaque' ? opaque : whiteouts).push(mark.path),
  });
  return { rows: [...rows.values()], whiteouts, opaque };
}

/** Gives up on anything but a script with its first piece: a layer has tens of thousands of small files. */
function readScript(path: string, done: (installs: readonly number[]) => void): ContentSink {
  const pieces: Buffer[] = [];
  let wanted = true;
  return {
    write(bytes) {
      if (wanted && pieces.length === 0) wanted = isScript(path, bytes);
      if (wanted) pieces.push(Buffer.from(bytes));
    },
    end() {
      if (wanted && pieces.length > 0) done(installLines(path, Buffer.concat(pieces).toString('latin1')));
    },
  };
}
