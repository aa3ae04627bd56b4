/**
 * Of two images over a common base: whether what is in the base has to be known to compare them. Where the layers above it
 * touch the same paths in the same way, it is the same on both sides and shows through or is hidden alike. Pure.
 */
import type { LayerListing } from '../oci/layer-listing.ts';
import type { Layer } from '../oci/store.ts';

/** How many layers, from the lowest, are the same. */
export function commonBase(first: readonly Layer[], second: readonly Layer[]): number {
  const differing = first.findIndex(({ diffId }, index) => second[index]?.diffId !== diffId);
  return differing === -1 ? first.length : differing;
}

/** `first`, `second`: the layers above the common base. */
export function needsBase(first: readonly LayerListing[], second: readonly LayerListing[]): boolean {
  const [left, right] = [touchedBy(first), touchedBy(second)];
  return left.size !== right.size || [...left].some((touch) => !right.has(touch));
}

/** Each path with what is done to the base there: a folder lets it show through, all else hides it. */
function touchedBy(layers: readonly LayerListing[]): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const { files, whiteouts, opaque } of layers) {
    for (const [path, { kind }] of files) touched.add(`${kind === 'folder' ? 'folder' : 'hides'} ${path}`);
    for (const path of whiteouts) touched.add(`hides ${path}`);
    for (const path of opaque) touched.add(`empties ${path}`);
  }
  return touched;
}
