/** What advisories speak of, in an inventory: a distribution's source packages, and packages of languages. Pure. */
import type { Distribution, Inventory, Package, PackageType } from '../sbom/package.ts';
import { normalName } from '../sbom/readers/pip.ts';

export interface Component {
  readonly type: PackageType;
  readonly name: string;
  readonly version: string;
  /** Under which advisories may speak of it, in the words of OSV. */
  readonly ecosystems: readonly string[];
  /** The packages that it is in the image as: binary packages of a source, or one package in several places. */
  readonly packages: readonly Package[];
}

/** Sorted as the inventory is. What a distribution's package brings is judged as that package: its makers mend it there. */
export function componentsOf({ packages, distribution }: Inventory): readonly Component[] {
  const own = packages.filter(({ owner, type }) => owner === null || isDistributions(type));
  const groups = Map.groupBy(own, (each) => JSON.stringify([each.type, ...spokenOf(each)]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const [name, version] = spokenOf(first);
    return [{ type: first.type, name, version, ecosystems: ecosystemsOf(first.type, distribution), packages: group }];
  });
}

const isDistributions = (type: PackageType): boolean => type === 'deb' || type === 'apk';

function spokenOf({ type, name, version, source }: Package): readonly [name: string, version: string] {
  if (isDistributions(type)) return [source?.name ?? name, source?.version ?? version];
  return [type === 'pypi' ? normalName(name) : name, version];
}

const OF_LANGUAGES = { npm: 'npm', pypi: 'PyPI', golang: 'Go', cargo: 'crates.io' } as const;
/** Distributions by the id of os-release, as OSV names them. */
const OF_DISTRIBUTIONS: ReadonlyMap<string, string> = new Map([
  ['debian', 'Debian'],
  ['ubuntu', 'Ubuntu'],
  ['alpine', 'Alpine'],
  ['wolfi', 'Wolfi'],
  ['chainguard', 'Chainguard'],
]);

/** Debian by its number (OSV) and its codename (Debian's tracker); Alpine by its branch, `v3.20`. */
function ecosystemsOf(type: PackageType, distribution: Distribution | null): readonly string[] {
  if (type !== 'deb' && type !== 'apk') return [OF_LANGUAGES[type]];
  const name = OF_DISTRIBUTIONS.get(distribution?.id ?? '');
  if (distribution === null || name === undefined) return [];
  const { version, codename } = distribution;
  const branch = name === 'Alpine' ? /^[0-9]+\.[0-9]+/.exec(version ?? '')?.[0] : undefined;
  const releases = [branch === undefined ? version : `v${branch}`, codename].filter((each) => each != null);
  return [name, ...releases.map((each) => `${name}:${each}`)];
}
