/** Two inventories. Pure. */
import type { Inventory, Package } from '../sbom/package.ts';
import { COMPARE } from '../vulnerabilities/versions/compare.ts';
import type { PackageDifference, PackagesDifference } from './contract.ts';

/** Sorted as inventories are: by type, then name. */
export function comparePackages(first: Inventory, second: Inventory): PackagesDifference {
  const [left, right] = [versionsIn(first), versionsIn(second)];
  const keys = [...new Set([...left.keys(), ...right.keys()])].toSorted();
  const differences = keys.flatMap((key) => {
    const facts = left.get(key) ?? right.get(key);
    const versions = [left.get(key), right.get(key)].map((side) => [...(side?.versions ?? [])].toSorted());
    const [before = [], after = []] = versions;
    if (facts === undefined || before.join('\n') === after.join('\n')) return [];
    const { type, name } = facts;
    return [{ type, name, first: before, second: after, direction: directionOf(type, before, after) }];
  });
  return { differences, unread: [...unreadIn(first, 'first'), ...unreadIn(second, 'second')] };
}

interface Versions extends Pick<Package, 'type' | 'name'> {
  readonly versions: Set<string>;
}

/** A package of which there are several copies or builds is one, in as many versions as there are. */
function versionsIn({ packages }: Inventory): ReadonlyMap<string, Versions> {
  const found = new Map<string, Versions>();
  for (const { type, name, version } of packages) {
    const key = `${type}\n${name}`;
    const known = found.get(key) ?? { type, name, versions: new Set<string>() };
    known.versions.add(version);
    found.set(key, known);
  }
  return found;
}

function directionOf(type: Package['type'], before: readonly string[], after: readonly string[]): PackageDifference['direction'] {
  const [from, to] = [before[0], after[0]];
  if (from === undefined || to === undefined || before.length > 1 || after.length > 1) return null;
  const order = COMPARE[type](from, to);
  return order === null || order === 0 ? null : order < 0 ? 'newer' : 'older';
}

const unreadIn = ({ unread }: Inventory, side: 'first' | 'second'): PackagesDifference['unread'] =>
  unread.map(({ path, why }) => ({ side, path, why }));
