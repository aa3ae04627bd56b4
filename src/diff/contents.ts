/** What is in two images, their files and packages: of layers only those are read that can matter. */
import { type ImageFile, readImageFiles, treeOf } from '../oci/image-tree.ts';
import type { Image, ImageStore, Layer } from '../oci/store.ts';
import { bytesOf } from '../oci/tar-format.ts';
import { mergeLayers } from '../sbom/inventory.ts';
import type {
  ContentsDifference,
  FileDifference,
  FileFacts,
  FilesDifference,
  PackageDifference,
  Right,
  TextDifference,
} from './contract.ts';
import { type LayerContents, LayerReader } from './layer-contents.ts';
import { type OwnersOf, ownersOf } from './owners.ts';
import { comparePackages } from './packages.ts';
import { readable, readablePath } from './paths.ts';
import { commonBase, needsBase } from './reach.ts';
import { gainedRights } from './rights.ts';
import { compareTexts, TEXT_BYTES } from './text.ts';
import { compareTrees, type PathDifference } from './trees.ts';

export interface ContentsOptions {
  /** For what layers say; may be deleted at any time. */
  readonly cacheFolder: string;
  /** Whether what lies in folders of one image only is listed, too. */
  readonly all: boolean;
  /** How many files are listed. */
  readonly limit: number;
  /** Whether changed lines of texts are told. */
  readonly texts: boolean;
}

type Store = Pick<ImageStore, 'openLayer'>;

/** Throws as `scanLayer`. */
export async function compareContents(
  store: Store,
  first: Pick<Image, 'layers'>,
  second: Pick<Image, 'layers'>,
  options: ContentsOptions,
): Promise<ContentsDifference> {
  const reader = new LayerReader(store, options.cacheFolder);
  const from = await firstThatMatters(reader, first.layers, second.layers);
  const left = await sideOf(reader, first.layers.slice(from));
  const right = await sideOf(reader, second.layers.slice(from));
  const { paths, onlyTimes } = compareTrees(left.tree, right.tree);
  const packages = comparePackages(left.inventory, right.inventory);
  const owned = await withOwners(store, [left, right], paths, packages.differences);
  const wanted = owned.filter(({ within, isPackages, gained }) => options.all || gained.length > 0 || !(within || isPackages));
  const listed = wanted.toSorted((a, b) => Number(b.gained.length > 0) - Number(a.gained.length > 0)).slice(0, options.limit);
  const texts = options.texts ? await textsOf(store, left.layers, right.layers, listed) : NO_TEXTS;
  return {
    files: {
      ...countsOf(paths),
      onlyTimes,
      ofPackages: owned.filter(({ isPackages }) => isPackages).length,
      listed: listed.map((each) => differenceOf(each, texts)),
      more: wanted.length - listed.length,
    },
    packages,
  };
}

async function sideOf(reader: LayerReader, layers: readonly Layer[]): Promise<OwnersOf> {
  const contents = await reader.read(layers);
  return { layers, tree: treeOf(filesIn(contents)), inventory: mergeLayers(contents) };
}

interface Owned extends PathDifference {
  readonly package: string | null;
  /** It is there or changed because its package is. Other rights or another owner are never taken for that. */
  readonly isPackages: boolean;
  readonly gained: readonly Right[];
}

async function withOwners(
  store: Store,
  [left, right]: readonly [OwnersOf, OwnersOf],
  paths: readonly PathDifference[],
  differences: readonly PackageDifference[],
): Promise<readonly Owned[]> {
  const [ofFirst, ofSecond] = [await ownersOf(store, left, differences), await ownersOf(store, right, differences)];
  return paths.map((each) => {
    const { path, what, first, second } = each;
    const owner = (second === null ? null : ofSecond(path)) ?? (first === null ? null : ofFirst(path));
    const isExpected = first === null || second === null || what.every((aspect) => aspect === 'content' || aspect === 'link');
    return { ...each, package: owner, isPackages: owner !== null && isExpected, gained: gainedRights(first, second) };
  });
}

/** The lowest layer without which the two can't be compared: the first of all, or the first that differs. */
async function firstThatMatters(reader: LayerReader, first: readonly Layer[], second: readonly Layer[]): Promise<number> {
  const base = commonBase(first, second);
  const [left, right] = [await reader.read(first.slice(base)), await reader.read(second.slice(base))];
  return needsBase(filesIn(left), filesIn(right)) ? 0 : base;
}

const filesIn = (layers: readonly LayerContents[]): readonly LayerContents['files'][] => layers.map(({ files }) => files);

function countsOf(paths: readonly PathDifference[]): Pick<FilesDifference, 'added' | 'removed' | 'changed' | 'grownBytes'> {
  const counts = { added: 0, removed: 0, changed: 0, grownBytes: 0 };
  for (const { first, second } of paths) {
    counts[first === null ? 'added' : second === null ? 'removed' : 'changed'] += 1;
    counts.grownBytes += (second?.size ?? 0) - (first?.size ?? 0);
  }
  return counts;
}

type Texts = ReadonlyMap<string, TextDifference>;
const NO_TEXTS: Texts = new Map();

function differenceOf(difference: Owned, texts: Texts): FileDifference {
  const { path, what, first, second, below, gained } = difference;
  return {
    path: readablePath(path),
    what,
    first: first === null ? null : factsOf(first),
    second: second === null ? null : factsOf(second),
    below,
    package: difference.package,
    gained,
    text: texts.get(path) ?? null,
  };
}

/** Of an attribute so much is told. */
const XATTR_BYTES = 64;

function factsOf({ kind, mode, uid, gid, size, content, target, xattrs }: ImageFile): FileFacts {
  const values = [...xattrs].map(([name, value]): readonly [string, string] => [
    readable(name),
    bytesOf(value.slice(0, XATTR_BYTES)).toString('base64'),
  ]);
  const leadsTo = target === '' ? null : kind === 'symlink' ? readable(target) : readablePath(target);
  return { kind, mode, uid, gid, size, content, target: leadsTo, xattrs: Object.fromEntries(values) };
}

/** So many texts are told of one comparison. */
const TEXTS = 200;

async function textsOf(
  store: Store,
  first: readonly Layer[],
  second: readonly Layer[],
  listed: readonly PathDifference[],
): Promise<Texts> {
  const told = listed.flatMap(({ path, what, first: left, second: right }) =>
    left?.kind === 'file' && right?.kind === 'file' && what.includes('content') ? [{ path, left, right }] : [],
  );
  const some = told.slice(0, TEXTS);
  const ofLeft = await contentsAt(store, first, new Map(some.map(({ path, left }) => [path, left])));
  const ofRight = await contentsAt(store, second, new Map(some.map(({ path, right }) => [path, right])));
  const texts = some.flatMap(({ path, left, right }): [string, TextDifference][] => {
    const contents = [ofLeft.get(path) ?? null, ofRight.get(path) ?? null] as const;
    const isUnread = [left, right].some(({ size }, side) => size <= TEXT_BYTES && contents[side] === null);
    // One of several names of a file: the text is told at another of them.
    return isUnread ? [] : [[path, compareTexts(path, ...contents)]];
  });
  return new Map(texts);
}

/** Reads only the layers that the files are from. */
function contentsAt(
  store: Store,
  layers: readonly Layer[],
  files: ReadonlyMap<string, ImageFile>,
): Promise<ReadonlyMap<string, Buffer>> {
  const from = new Set([...files.values()].map(({ layer }) => layer));
  const image = { layers: layers.filter((_, index) => from.has(index)) };
  return readImageFiles(store, image, (path) => files.has(path), { maxBytes: TEXT_BYTES });
}
