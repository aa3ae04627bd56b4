/** Two images, layer by layer and path by path. Layers are read, never unpacked; equal ones are not even read. */
import { isDeepStrictEqual } from 'node:util';

import { aspectsOf } from '../oci/file-aspects.ts';
import { type LayerFile, listingReader } from '../oci/layer-listing.ts';
import { scanLayer } from '../oci/layer-scan.ts';
import type { Image, ImageStore, Layer } from '../oci/store.ts';
import { causeOf, UNKNOWN, type Places } from './causes.ts';
import type { Difference, Pair } from './contract.ts';

/** One image where it is stored. */
export interface Side {
  readonly store: Pick<ImageStore, 'openLayer'>;
  readonly image: Image;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly more: number;
}

/** As many as a person reads, and as much of them as tells why. */
const SHOWN = 200;
const CONTENT_BYTES = 4 << 20;
const ALL_CONTENTS_BYTES = 64 << 20;

/** Differences in the order of the layers and their paths. Throws as `scanLayer`. */
export async function compareImages(first: Side, second: Side, places: Places): Promise<Comparison> {
  const found: Difference[] = settingsDiffer(first.image, second.image) ? [CONFIGURATION] : [];
  let more = 0;
  for (const { step, layers } of pairedLayers(first.image, second.image)) {
    const [left, right] = await Promise.all([filesOf(first.store, layers[0]), filesOf(second.store, layers[1])]);
    const paths = [...new Set([...left.keys(), ...right.keys()])].toSorted();
    const differing = paths.flatMap((path) => {
      const what = aspectsOf(fileAt(left, path), fileAt(right, path));
      return what.length === 0 ? [] : [{ path, what }];
    });
    const shown = differing.slice(0, Math.max(SHOWN - found.length, 0));
    more += differing.length - shown.length;
    found.push(...(await explained(shown, step, [first.store, second.store], layers, places)));
    if (differing.length === 0) found.push({ ...ENCODING, step });
  }
  return { differences: found, more };
}

const CONFIGURATION: Difference = {
  path: null,
  step: null,
  what: ['content'],
  cause: 'configuration',
  why: "the image's configuration differs: environment, user or entrypoint depend on what a step made",
  fix: 'mend the differences of the files first: the configuration may follow from them',
};

const ENCODING: Omit<Difference, 'step'> = {
  path: null,
  what: ['content'],
  cause: 'encoding',
  why: 'the layers hold the same files, but were written in another order or form',
  fix: 'bake with a recipe of Kiln instead of a Dockerfile, or report this: Kiln writes layers in one form',
};

const settingsDiffer = (a: Image, b: Image): boolean =>
  !isDeepStrictEqual(a.config.config, b.config.config) || !isDeepStrictEqual(a.annotations, b.annotations);

interface LayerPair {
  readonly step: string;
  /** Null: the step made no layer there. */
  readonly layers: readonly [Layer | null, Layer | null];
}

/** The layers of the same step that differ. A step that made a layer in one image only is compared with nothing. */
function pairedLayers(first: Image, second: Image): readonly LayerPair[] {
  const [left, right] = [namedLayers(first), namedLayers(second)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((step): LayerPair => ({ step, layers: [left.get(step) ?? null, right.get(step) ?? null] }))
    .filter(({ layers: [a, b] }) => a?.diffId !== b?.diffId);
}

/** By what made them, which is told apart by a number where two say the same. */
function namedLayers({ layers, config }: Image): ReadonlyMap<string, Layer> {
  const told = (config.history ?? []).filter((line) => line.empty_layer !== true);
  const named = new Map<string, Layer>();
  for (const [index, layer] of layers.entries()) {
    const name = (told[index]?.created_by ?? `layer ${index + 1}`).replace(/^kiln: /, '');
    named.set(named.has(name) ? `${name} (layer ${index + 1})` : name, layer);
  }
  return named;
}

type Files = ReadonlyMap<string, LayerFile>;

async function filesOf(store: Side['store'], layer: Layer | null): Promise<Files> {
  if (layer === null) return new Map();
  const reader = listingReader({ contents: true });
  await scanLayer(store, layer, reader);
  return reader.listing().files;
}

/** Without what is another's: the content of a hard link is told at the file that it is another name of. */
function fileAt(files: Files, path: string): LayerFile | undefined {
  const file = files.get(path);
  return file?.kind === 'hardlink' ? { ...file, content: null } : file;
}

type Found = Pick<Pair, 'path' | 'what'>;

async function explained(
  found: readonly Found[],
  step: string,
  [left, right]: readonly [Side['store'], Side['store']],
  layers: LayerPair['layers'],
  places: Places,
): Promise<readonly Difference[]> {
  const wanted = new Set(found.filter(({ what }) => what.includes('content')).map(({ path }) => path));
  const [first, second] = await Promise.all([contentsOf(left, layers[0], wanted), contentsOf(right, layers[1], wanted)]);
  return found.map(({ path, what }) => {
    const pair = { path, what, first: first.get(path) ?? null, second: second.get(path) ?? null };
    const cause = causeOf(pair, places);
    const { why, fix } = cause ?? UNKNOWN;
    return { path: Buffer.from(path, 'latin1').toString('utf8'), step, what, cause: cause?.id ?? null, why, fix };
  });
}

async function contentsOf(
  store: Side['store'],
  layer: Layer | null,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  if (layer === null || wanted.size === 0) return found;
  let left = ALL_CONTENTS_BYTES;
  await scanLayer(store, layer, {
    entry({ path, size }) {
      if (!wanted.has(path) || size > Math.min(CONTENT_BYTES, left)) return null;
      left -= size;
      const chunks: Buffer[] = [];
      return { write: (bytes) => void chunks.push(Buffer.from(bytes)), end: () => void found.set(path, Buffer.concat(chunks)) };
    },
  });
  return found;
}
