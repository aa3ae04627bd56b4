/** What somebody who knows the image has stated of a vulnerability in it (VEX), in whatever form. */
import type { PurlParts } from '../../sbom/purl.ts';
import { parsePurl } from '../../sbom/purl.ts';
import type { Vulnerability } from '../match.ts';

export interface VexStatement {
  /** Names of the vulnerability. */
  readonly names: readonly string[];
  /** `harmless`: not affected, or mended in place. `affected`: confirmed. `open`: being looked at. */
  readonly status: 'harmless' | 'affected' | 'open';
  /** Why, in the statement's words. */
  readonly why: string;
  /** Package URLs that it is about; empty: the whole image. A version or qualifier that is given must be the package's. */
  readonly purls: readonly string[];
  /** The file that says so. */
  readonly file: string;
  /** When it was made, ms since the epoch: of two the later counts. */
  readonly at: number;
}

/** What is stated last of it, for all of its packages; null: nothing. */
export function stated(vulnerability: Vulnerability, statements: readonly VexStatement[]): VexStatement | null {
  const names = new Set([vulnerability.id, ...vulnerability.aliases]);
  const purls = vulnerability.packages.map(({ purl }) => parsePurl(purl)).filter((purl) => purl !== null);
  const about = statements.filter(
    (each) => each.names.some((name) => names.has(name)) && purls.every((purl) => isAbout(each, purl)),
  );
  return about.reduce<VexStatement | null>((last, each) => (last === null || each.at >= last.at ? each : last), null);
}

function isAbout({ purls }: VexStatement, found: PurlParts): boolean {
  return purls.length === 0 || purls.some((text) => matches(parsePurl(text), found));
}

function matches(asked: PurlParts | null, found: PurlParts): boolean {
  if (asked === null) return false;
  const isSame = asked.type === found.type && asked.namespace === found.namespace && asked.name === found.name;
  if (!isSame || (asked.version !== null && asked.version !== found.version)) return false;
  return [...asked.qualifiers].every(([key, value]) => found.qualifiers.get(key) === value);
}
