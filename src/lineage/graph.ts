/**
 * Who descends from whom. The edges come from images' annotations and from bakes' records, both of which may name images
 * that are not here, or (in what a stranger pushed) lead in a circle: no walk goes over an image twice. Pure.
 */
import type { Digest } from '../domain/digest.ts';

/** The direct ancestors of each image that is known. */
export type Parents = ReadonlyMap<Digest, readonly Digest[]>;

/** How far an image is from the one asked about: 1 is a direct ancestor or descendant. */
export type Levels = ReadonlyMap<Digest, number>;

/** All ancestors, unknown ones too (those that `parents` has no key for). The image itself is none, even in a circle. */
export const ancestorsOf = (image: Digest, parents: Parents): Levels => walk([image], (each) => parents.get(each) ?? []);

/** All descendants of the images, which are none themselves. */
export function descendantsOf(images: Iterable<Digest>, parents: Parents): Levels {
  const children = childrenOf(parents);
  return walk(images, (each) => children.get(each) ?? []);
}

function childrenOf(parents: Parents): ReadonlyMap<Digest, readonly Digest[]> {
  const children = new Map<Digest, Digest[]>();
  for (const [child, above] of parents) {
    for (const parent of new Set(above)) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [child]);
      else known.push(child);
    }
  }
  return children;
}

/** Breadth first, so that each level is the shortest way. */
function walk(from: Iterable<Digest>, next: (image: Digest) => readonly Digest[]): Levels {
  const start = [...from];
  const seen = new Set(start);
  const levels = new Map<Digest, number>();
  let front: readonly Digest[] = start;
  for (let level = 1; front.length > 0; level++) {
    const found: Digest[] = [];
    for (const near of front.flatMap(next)) {
      if (seen.has(near)) continue;
      seen.add(near);
      levels.set(near, level);
      found.push(near);
    }
    front = found;
  }
  return levels;
}
