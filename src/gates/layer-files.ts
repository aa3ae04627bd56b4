/** What a layer holds, kept by its content: for the gates, and for whoever compares images. One reading serves all. */
import type { Digest } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import { type LayerFile, type LayerListing, listingReader } from '../oci/layer-listing.ts';
import { type ContentSink, type LayerVisitor, scanLayer, together } from '../oci/layer-scan.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import type { TarKind } from '../oci/tar-format.ts';
import { onceForLayer } from './layer-cache.ts';
import { installLines, isScript, SCRIPT_BYTES } from './lint/installs.ts';

export interface LayerFiles extends LayerListing {
  /** Of scripts that install packages or fetch code: in which lines, from 1. */
  readonly installs: ReadonlyMap<string, readonly number[]>;
}

export interface FilesReader extends LayerVisitor {
  /** Once the layer has been read to its end. */
  files(): LayerFiles;
}

/** Another with each change of what is told of a layer. */
const VERSION = 'files-1';

export async function readLayerFiles(store: Pick<ImageStore, 'openLayer'>, layer: Layer): Promise<LayerFiles> {
  const reader = filesReader();
  await scanLayer(store, layer, reader);
  return reader.files();
}

/** As long as the memory is not needed for something else: the next bake is mostly of the same layers. */
const recent = new Map<string, WeakRef<LayerFiles>>();
const MOST_RECENT = 64;

/** `read` is asked where nothing is kept. */
export async function keptLayerFiles(cacheFolder: string, layer: Layer, read: () => Promise<LayerFiles>): Promise<LayerFiles> {
  const key = `${layer.diffId} ${cacheFolder}`;
  const found = recent.get(key)?.deref();
  const files = found ?? decoded(await onceForLayer(cacheFolder, VERSION, layer, async () => encoded(await read())));
  recent.delete(key);
  recent.set(key, new WeakRef(files));
  const [oldest] = recent.keys();
  if (recent.size > MOST_RECENT && oldest !== undefined) recent.delete(oldest);
  return files;
}

export function filesReader(): FilesReader {
  const installs = new Map<string, readonly number[]>();
  const listing = listingReader({ contents: true });
  const scripts: LayerVisitor = {
    entry({ path, kind, size }) {
      installs.delete(path);
      return kind === 'file' && size <= SCRIPT_BYTES ? readScript(path, (lines) => installs.set(path, lines)) : null;
    },
  };
  return { ...together(listing, scripts), files: () => ({ ...listing.listing(), installs }) };
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
      if (!wanted || pieces.length === 0) return;
      const lines = installLines(path, Buffer.concat(pieces).toString('latin1'));
      if (lines.length > 0) done(lines);
    },
  };
}

/** What few files have; absent where there is none of it. */
interface Extras {
  readonly xattrs?: readonly (readonly [string, string])[];
  readonly device?: readonly [number, number];
  readonly installs?: readonly number[];
}

type Row = readonly [
  path: string,
  kind: TarKind,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  mtimeSeconds: number,
  target: string,
  content: Digest | null,
  extras?: Extras,
];

interface Encoded {
  readonly rows: readonly Row[];
  readonly whiteouts: readonly string[];
  readonly opaque: readonly string[];
}

function encoded({ files, whiteouts, opaque, installs }: LayerFiles): Json {
  const rows = [...files].map(([path, file]): Row => {
    const { kind, mode, uid, gid, size, mtimeSeconds, target, content, xattrs, device } = file;
    const lines = installs.get(path);
    const extras: Extras = {
      ...(xattrs.size === 0 ? {} : { xattrs: [...xattrs] }),
      ...(device.major === 0 && device.minor === 0 ? {} : { device: [device.major, device.minor] }),
      ...(lines === undefined ? {} : { installs: lines }),
    };
    const row = [path, kind, mode, uid, gid, size, mtimeSeconds, target, content] as const;
    return Object.keys(extras).length === 0 ? row : [...row, extras];
  });
  return { rows, whiteouts, opaque } satisfies Encoded as unknown as Json;
}

/** Nearly all files', and of tens of thousands one each would be most of the work. */
const NO_XATTRS: LayerFile['xattrs'] = new Map();
const NO_DEVICE: LayerFile['device'] = { major: 0, minor: 0 };

function decoded(kept: Json): LayerFiles {
  const { rows, whiteouts, opaque } = kept as unknown as Encoded;
  const files = new Map<string, LayerFile>();
  const installs = new Map<string, readonly number[]>();
  for (const [path, kind, mode, uid, gid, size, mtimeSeconds, target, content, extras] of rows) {
    const xattrs = extras?.xattrs === undefined ? NO_XATTRS : new Map(extras.xattrs);
    const device = extras?.device === undefined ? NO_DEVICE : { major: extras.device[0], minor: extras.device[1] };
    files.set(path, { kind, mode, uid, gid, size, mtimeSeconds, target, content, xattrs, device });
    if (extras?.installs !== undefined) installs.set(path, extras.installs);
  }
  return { files, whiteouts, opaque, installs };
}
