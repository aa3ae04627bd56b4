/** What `kiln bake --update` moved in kiln.lock. Pure. */
import type { Digest } from '../domain/digest.ts';
import type { LockContent, LockedPackage } from './lock-content.ts';

/** Null on one side: it was not locked before, or is no longer. */
export type LockMove =
  | { readonly kind: 'base'; readonly name: string; readonly from: Digest | null; readonly to: Digest | null }
  /** `set`: the packages it is one of, as kiln.lock calls them. `hash`: the same version, but another package. */
  | {
      readonly kind: 'package';
      readonly set: string;
      readonly name: string;
      readonly from: string | null;
      readonly to: string | null;
      readonly hash: boolean;
    };

/** Sorted: bases, then packages by set and name. A set that is all new, or gone, is a change of the recipe and no move. */
export function movesBetween(before: LockContent, after: LockContent): readonly LockMove[] {
  const bases = namesOf(before.bases, after.bases).map((name): LockMove => ({
    kind: 'base',
    name,
    from: before.bases[name] ?? null,
    to: after.bases[name] ?? null,
  }));
  const sets = Object.keys(after.packages).filter((set) => Object.hasOwn(before.packages, set));
  const packages = sets.toSorted().flatMap((set) => packageMoves(set, before.packages[set] ?? [], after.packages[set] ?? []));
  return [...bases.filter((move) => move.from !== move.to), ...packages];
}

function packageMoves(set: string, before: readonly LockedPackage[], after: readonly LockedPackage[]): readonly LockMove[] {
  const [old, now] = [before, after].map((list) => Object.fromEntries(list.map((item) => [item.name, item]))) as [
    Readonly<Record<string, LockedPackage>>,
    Readonly<Record<string, LockedPackage>>,
  ];
  return namesOf(old, now).flatMap((name): readonly LockMove[] => {
    const [left, right] = [old[name], now[name]];
    if (left?.sha256 === right?.sha256) return [];
    const [from, to] = [left?.version ?? null, right?.version ?? null];
    return [{ kind: 'package', set, name, from, to, hash: from === to }];
  });
}

const namesOf = (...records: readonly object[]): readonly string[] => [
  ...new Set(records.flatMap((record) => Object.keys(record)).toSorted()),
];
