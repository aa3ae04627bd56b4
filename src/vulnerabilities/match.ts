/** Which advisories are true of which packages. Pure. */
import type { Severity } from '../domain/gate.ts';
import type { PackageType } from '../sbom/package.ts';
import type { Affected, Rating } from './advisory.ts';
import type { Component } from './components.ts';
import { type Hit, hitOf } from './range.ts';
import { gravest } from './severity.ts';
import { COMPARE } from './versions/compare.ts';

/** One vulnerability in one component of an image, told once, however many sources know it. */
export interface Vulnerability {
  /** A CVE where it has one. */
  readonly id: string;
  readonly aliases: readonly string[];
  /** The vulnerabilities that it tells of, where it is an advisory about several. */
  readonly covers: readonly string[];
  readonly type: PackageType;
  readonly name: string;
  readonly installed: string;
  readonly fixed: string | null;
  readonly severity: Severity;
  readonly score: number | null;
  /** False: no source has rated it, and `severity` is Kiln's assumption. */
  readonly rated: boolean;
  readonly summary: string;
  readonly url: string | null;
  /** As they are in the image: names and package URLs of those of the component. */
  readonly packages: readonly { readonly name: string; readonly purl: string; readonly path: string; readonly layer: string }[];
}

/** What nobody has rated is not harmless: it counts as this. */
export const UNRATED: Severity = 'medium';

/** Ecosystem and name of a package, for `Map`s. */
export const keyOf = (ecosystem: string, name: string): string => `${ecosystem}\n${name}`;

export type Index = ReadonlyMap<string, readonly Affected[]>;

export const indexOf = (affected: readonly Affected[]): Index =>
  Map.groupBy(affected, ({ ecosystem, name }) => keyOf(ecosystem, name));

/** The gravest first, then by id and name: the same input always gives the same list. */
export function vulnerabilitiesOf(components: readonly Component[], index: Index): readonly Vulnerability[] {
  return components.flatMap((component) => ofComponent(component, index)).toSorted(byWeight);
}

interface Match {
  readonly affected: Affected;
  readonly hit: Hit;
}

function ofComponent(component: Component, index: Index): readonly Vulnerability[] {
  const { type, version, ecosystems, name } = component;
  const matches = ecosystems.flatMap((ecosystem) =>
    (index.get(keyOf(ecosystem, name)) ?? []).flatMap((affected) => {
      const hit = hitOf(version, affected, COMPARE[type]);
      return hit === null ? [] : [{ affected, hit }];
    }),
  );
  const groups = sameVulnerability(matches);
  const told = new Set(groups.flatMap((group) => group.flatMap(({ affected }) => namesOf(affected))));
  // An advisory about several vulnerabilities says nothing new where each is told by itself.
  const own = groups.filter(
    (group) =>
      !group.every(({ affected: { advisory } }) => advisory.covers.length > 0 && advisory.covers.every((id) => told.has(id))),
  );
  return own.map((group) => merged(group, component));
}

const namesOf = ({ advisory: { id, aliases } }: Affected): readonly string[] => [id, ...aliases];

/** Groups of matches that share a name, directly or through others. */
function sameVulnerability(matches: readonly Match[]): readonly (readonly Match[])[] {
  const groupOf = new Map<string, Match[]>();
  for (const match of matches) {
    const names = namesOf(match.affected);
    const met = new Set(names.flatMap((name) => groupOf.get(name) ?? []));
    const group = [...met, match];
    for (const name of group.flatMap(({ affected }) => namesOf(affected))) groupOf.set(name, group);
  }
  return [...new Set(groupOf.values())];
}

function merged(group: readonly Match[], { type, name, version, packages }: Component): Vulnerability {
  const names = [...new Set(group.flatMap(({ affected }) => namesOf(affected)))].toSorted();
  const id = names.find((each) => each.startsWith('CVE-')) ?? names[0] ?? '';
  const rating: Rating | null = gravest(group.map(({ affected }) => affected.advisory.rating));
  return {
    id,
    aliases: names.filter((each) => each !== id),
    covers: [...new Set(group.flatMap(({ affected }) => affected.advisory.covers))].toSorted(),
    type,
    name,
    installed: version,
    fixed: lowest(
      group.map(({ hit }) => hit.fixed).filter((each) => each !== null),
      COMPARE[type],
    ),
    severity: rating?.severity ?? UNRATED,
    score: rating?.score ?? null,
    rated: rating !== null,
    summary: group.map(({ affected }) => affected.advisory.summary).find((each) => each !== '') ?? '',
    url: group.map(({ affected }) => affected.advisory.url).find((each) => each !== null) ?? null,
    packages: packages.map(({ name, purl, where }) => ({ name, purl, path: where.path, layer: where.layer })),
  };
}

const lowest = (versions: readonly string[], compare: (a: string, b: string) => number | null): string | null =>
  versions.toSorted((a, b) => compare(a, b) ?? 0)[0] ?? null;

const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'note'];
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byWeight = (a: Vulnerability, b: Vulnerability): number =>
  ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) ||
  text(a.id, b.id) ||
  text(a.name, b.name) ||
  text(a.installed, b.installed);
