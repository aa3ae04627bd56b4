/** What images were built on, and what of that has moved since: its name means another image, or it has newer packages. Pure. */
import type { Digest } from '../domain/digest.ts';
import type { BuiltOn, NewerPackage } from './events.ts';
import type { LineageState } from './state.ts';

export interface MovedBase {
  readonly name: string;
  /** What those services were built on. */
  readonly digest: Digest;
  /** What it means now; null: not known, or it cannot mean another. */
  readonly newest: Digest | null;
  /** What those services have of it in older versions than there are. */
  readonly packages: readonly NewerPackage[];
  readonly services: readonly string[];
}

export const isMoved = ({ digest, newest, packages }: MovedBase): boolean =>
  (newest !== null && newest !== digest) || packages.length > 0;

/** Of the newest image of every line. */
export function movedBases(state: LineageState): readonly MovedBase[] {
  const found = new Map<string, MovedBase>();
  for (const { image, service } of state.lines.values()) {
    for (const base of state.builtOn.get(image) ?? []) {
      const key = `${base.name} ${base.digest}`;
      const known = found.get(key);
      const services = [...new Set([...(known?.services ?? []), service])].toSorted();
      const packages = union(known?.packages ?? [], newerOf(state, image, base));
      found.set(key, { ...base, newest: meaningOf(state, base.name), packages, services });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const meaningOf = (state: LineageState, name: string): Digest | null =>
  name.startsWith('channel:')
    ? (state.channels.get(name.slice('channel:'.length))?.image ?? null)
    : (state.tags.get(name) ?? null);

/** Bases whose name is asked of a registry: the others name one image for ever, or are known here. */
export const isTag = (name: string): boolean => !/^(image|oci|channel|debian):/.test(name) && !name.includes('@');

/** Whether a bake can take newer packages than the image of that base has: not where a snapshot's date holds them. */
export const hasPackages = ({ name }: BuiltOn): boolean => !name.startsWith('debian:') || !name.includes('@');

/**
 * What a bake of the image would bring in newer versions. Debian is made by the bake itself; what comes with another base is
 * that base's, which has to be made again first.
 */
function newerOf(state: LineageState, image: Digest, base: BuiltOn): readonly NewerPackage[] {
  const newer = state.newer.get(image) ?? [];
  if (base.name.startsWith('debian:')) return newer;
  const below = new Set((state.newer.get(base.digest) ?? []).map(({ name }) => name));
  return newer.filter(({ name }) => !below.has(name));
}

function union(a: readonly NewerPackage[], b: readonly NewerPackage[]): readonly NewerPackage[] {
  const known = new Set(a.map(({ name }) => name));
  return [...a, ...b.filter(({ name }) => !known.has(name))].toSorted((x, y) => (x.name < y.name ? -1 : 1));
}

/** The images that have to be asked about for that: each line's newest, and what it stands on, with the service that it is of. */
export function imagesWithPackages(state: LineageState): ReadonlyMap<Digest, string> {
  const images = new Map<Digest, string>();
  for (const { image, service } of state.lines.values()) {
    const bases = state.builtOn.get(image) ?? [];
    if (bases.length === 0 || !bases.every(hasPackages)) continue;
    images.set(image, service);
    for (const { name, digest } of bases) {
      if (!name.startsWith('debian:') && !images.has(digest)) images.set(digest, name);
    }
  }
  return images;
}
