/** Two trees, path by path. Pure. */
import { type Aspect, aspectsOf } from '../oci/file-aspects.ts';
import type { ImageFile, ImageTree } from '../oci/image-tree.ts';

export interface PathDifference {
  /** Relative, '' is the root; bytes as latin1. */
  readonly path: string;
  readonly what: readonly Aspect[];
  readonly first: ImageFile | null;
  readonly second: ImageFile | null;
  /** What a folder that is in one tree only holds there. */
  readonly below: { readonly entries: number; readonly bytes: number } | null;
  /** It lies in such a folder. */
  readonly within: boolean;
}

export interface TreesDifference {
  /** In the order of a walk: what is in a folder follows it. */
  readonly paths: readonly PathDifference[];
  readonly onlyTimes: number;
}

export function compareTrees(first: ImageTree, second: ImageTree): TreesDifference {
  const [left, right] = [withNames(first), withNames(second)];
  let onlyTimes = 0;
  const found: Found[] = [];
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const [before, after] = [left.get(path), right.get(path)];
    const what = aspectsOf(before, after).filter((aspect) => matters(aspect, before, after));
    const own = what.filter((aspect) => aspect !== 'time');
    if (own.length > 0) found.push({ path, what: own, first: before ?? null, second: after ?? null });
    else if (what.length > 0) onlyTimes += 1;
  }
  return { paths: folded(found.toSorted(byWalk)), onlyTimes };
}

type Named = ReadonlyMap<string, ImageFile>;

function matters(aspect: Aspect, first: ImageFile | undefined, second: ImageFile | undefined): boolean {
  // Of another kind: that its content, mode and target are others follows from that.
  if (first !== undefined && second !== undefined && first.kind !== second.kind) return aspect === 'kind' || aspect === 'owner';
  // A folder's time says that something was made in it, which is told by itself; Linux looks at no link's mode.
  if (aspect === 'time') return second?.kind !== 'folder';
  return aspect !== 'mode' || second?.kind !== 'symlink';
}

/**
 * Which of several names of a file is written as the file and which as links is the writer's affair: all become files, and
 * the target of each but the first is the first.
 */
function withNames(tree: ImageTree): Named {
  const links = [...tree].filter(([, { kind }]) => kind === 'hardlink');
  if (links.length === 0) return tree;
  const named = new Map(tree);
  for (const group of Map.groupBy(links, ([, { layer, target }]) => `${layer}/${target}`).values()) {
    const [, { layer, target }] = group[0] as [string, ImageFile];
    const file = tree.get(target);
    // An upper layer may have put something else in the file's place.
    const isThere = file?.layer === layer && file.kind === 'file';
    const names = [...group.map(([path]) => path), ...(isThere ? [target] : [])].toSorted();
    for (const name of names) {
      const own = tree.get(name) as ImageFile;
      named.set(name, { ...own, kind: 'file', target: name === names[0] ? '' : (names[0] ?? '') });
    }
  }
  return named;
}

/** No name holds a NUL: with it in the place of the slash a folder comes before what is in it, and that before its neighbours. */
const walkKey = (path: string): string => path.replaceAll('/', '\0');
function byWalk(a: Found, b: Found): number {
  const [left, right] = [walkKey(a.path), walkKey(b.path)];
  return left < right ? -1 : left > right ? 1 : 0;
}

type Found = Omit<PathDifference, 'below' | 'within'>;

interface Fold {
  readonly path: string;
  readonly side: 'first' | 'second';
  entries: number;
  bytes: number;
}

/** The folder of one tree only that a difference is, or has taken the place of. */
function foldOf({ path, first, second }: Found): Fold | null {
  const [left, right] = [first, second].map((file) => file?.kind === 'folder');
  return left === right ? null : { path, side: left === true ? 'first' : 'second', entries: 0, bytes: 0 };
}

function folded(found: readonly Found[]): readonly PathDifference[] {
  const open: Fold[] = [];
  const close = (): void => {
    const [inner, outer] = [open.pop(), open.at(-1)];
    if (inner === undefined || outer === undefined) return;
    outer.entries += inner.entries;
    outer.bytes += inner.bytes;
  };
  const folds = found.map((each) => {
    while (open.length > 0 && !isBelow(each.path, open.at(-1)?.path ?? '')) close();
    const outer = open.at(-1);
    if (outer !== undefined) {
      outer.entries += 1;
      outer.bytes += each[outer.side]?.size ?? 0;
    }
    const own = foldOf(each);
    if (own !== null) open.push(own);
    return { within: outer !== undefined, own };
  });
  while (open.length > 0) close();
  return found.map((each, index) => {
    const { within, own } = folds[index] as (typeof folds)[number];
    return { ...each, within, below: own === null ? null : { entries: own.entries, bytes: own.bytes } };
  });
}

const isBelow = (path: string, folder: string): boolean => folder === '' || path.startsWith(`${folder}/`);
