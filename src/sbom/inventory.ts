/** The inventory of an image: its layers' facts laid over each other, as their files are. */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { parentOf } from '../oci/layer-paths.ts';
import { Veil } from '../oci/layer-veil.ts';
import type { Image, ImageStore, Layer } from '../oci/store.ts';
import { sha256 } from '../platform/hash.ts';
import { cached } from './cache.ts';
import { type FileFacts, type LayerFacts, layerFacts } from './layer-facts.ts';
import { OS_RELEASE_PATHS } from './os-release.ts';
import type { Distribution, Inventory, Package, PackageFacts, Unread } from './package.ts';
import { purlOf } from './purl.ts';
import { shownPath } from './text.ts';

export interface InventoryOptions {
  /** What layers say is kept below it. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

/** The same image always has the same inventory. Throws LAYER_UNSAFE, IMAGE_INVALID, DIGEST_MISMATCH for a broken layer. */
export async function inventoryOf(
  store: Pick<ImageStore, 'openLayer'>,
  image: Pick<Image, 'layers'>,
  { cacheFolder, signal }: InventoryOptions,
): Promise<Inventory> {
  const chain = sha256(JSON.stringify(image.layers.map(({ diffId }) => diffId)));
  return cached(join(cacheFolder, 'packages', 'images'), chain, async () => {
    const layers: { diffId: Digest; facts: LayerFacts }[] = [];
    for (const layer of image.layers) {
      const facts = await keptFacts(cacheFolder, layer, () => layerFacts(store, layer, signal));
      layers.push({ diffId: layer.diffId, facts });
    }
    return mergeLayers(layers);
  });
}

/** What a layer says of packages; `read` is asked where nothing is kept. */
export const keptFacts = (cacheFolder: string, { diffId }: Layer, read: () => Promise<LayerFacts>): Promise<LayerFacts> =>
  cached(join(cacheFolder, 'packages', 'layers'), diffId, read);

interface Held {
  readonly file: FileFacts;
  /** Each of the file's packages with the layer that brought it. */
  readonly since: ReadonlyMap<string, Digest>;
}

/** Pure. Lowest layer first. */
export function mergeLayers(layers: readonly { readonly diffId: Digest; readonly facts: LayerFacts }[]): Inventory {
  const files = new Map<string, Held>();
  const distributions = new Map<string, Distribution>();
  const unread = new Map<string, Unread>();
  for (const { diffId, facts } of layers) {
    const before = new Map(files);
    const veil = new Veil();
    const below = withFolders([files, distributions, unread]);
    for (const path of facts.whiteouts) if (below.has(path)) veil.add('whiteout', path);
    for (const path of facts.opaque) veil.add('opaque', path);
    for (const seen of [files, distributions, unread]) veil.apply(seen);
    for (const file of facts.files) files.set(file.path, heldOf(file, diffId, before.get(file.path)));
    for (const { path, distribution } of facts.distributions) distributions.set(path, distribution);
    for (const each of facts.unread) unread.set(each.path, each);
  }
  const distribution = OS_RELEASE_PATHS.map((path) => distributions.get(path)).find((each) => each !== undefined) ?? null;
  return {
    distribution,
    packages: [...files.values()].flatMap((held) => packagesOf(held, distribution)).toSorted(byName),
    unread: [...unread.values()]
      .map(({ path, why }) => ({ path: shownPath(path), why }))
      .toSorted((a, b) => compare(a.path, b.path)),
  };
}

/** What a whiteout must name to matter: the paths themselves and all folders that they are in. */
function withFolders(maps: readonly ReadonlyMap<string, unknown>[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const seen of maps) {
    for (let path of seen.keys()) for (; path !== '' && !paths.has(path); path = parentOf(path)) paths.add(path);
  }
  return paths;
}

/** A package manager's database is written anew with every change: what was in it before came in before. */
function heldOf(file: FileFacts, diffId: Digest, before: Held | undefined): Held {
  const since = new Map(file.packages.map((each) => [identity(each), before?.since.get(identity(each)) ?? diffId]));
  const isSame = before !== undefined && since.size > 0 && [...since.keys()].every((each) => before.since.has(each));
  const owner = file.owner ?? (isSame ? before.file.owner : null);
  return { file: { ...file, owner }, since };
}

const identity = ({ type, name, version, architecture }: PackageFacts): string =>
  JSON.stringify([type, name, version, architecture]);

function packagesOf({ file, since }: Held, distribution: Distribution | null): readonly Package[] {
  const own = new Map(file.packages.map((facts) => [identity(facts), facts]));
  return [...own].map(([key, facts]) => ({
    ...facts,
    purl: purlOf(facts, distribution),
    where: { path: shownPath(file.path), layer: since.get(key) as Digest },
    owner: file.owner,
  }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byName = (a: Package, b: Package): number =>
  compare(a.type, b.type) ||
  compare(a.name, b.name) ||
  compare(a.version, b.version) ||
  compare(a.where.path, b.where.path) ||
  compare(a.purl, b.purl);
