/** What reports of other scanners have in common: an entry for each package and vulnerability, turned into Kiln's form. */
import type { Digest } from '../../domain/digest.ts';
import type { Inventory, PackageType } from '../../sbom/package.ts';
import { parsePurl } from '../../sbom/purl.ts';
import type { Rating } from '../advisory.ts';
import { UNRATED, type Vulnerability } from '../match.ts';

export interface ReportEntry {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly name: string;
  readonly installed: string;
  readonly fixed: string | null;
  readonly rating: Rating | null;
  readonly summary: string;
  readonly url: string | null;
  readonly purl: string | null;
  /** Absolute or relative; null where the scanner says none. */
  readonly path: string | null;
  readonly layer: string | null;
}

/** Entries of one vulnerability in one package become one, whatever the places; the inventory tells the places that it knows. */
export function vulnerabilitiesIn(entries: readonly ReportEntry[], { packages }: Inventory): readonly Vulnerability[] {
  const known = Map.groupBy(packages, ({ name, version }) => `${name}\n${version}`);
  const groups = Map.groupBy(entries, ({ id, name, installed }) => [id, name, installed].join('\n'));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { id, aliases, name, installed, fixed, rating, summary, url } = first;
    const places = known.get(`${name}\n${installed}`) ?? [];
    return [
      {
        id,
        aliases,
        covers: [],
        type: places[0]?.type ?? typeOf(first.purl),
        name,
        installed,
        fixed,
        severity: rating?.severity ?? UNRATED,
        score: rating?.score ?? null,
        rated: rating !== null,
        summary,
        url,
        packages:
          places.length > 0
            ? places.map((each) => ({ name, purl: each.purl, path: each.where.path, layer: each.where.layer }))
            : group.map(({ purl, path, layer }) => ({
                name,
                purl: purl ?? '',
                path: relative(path),
                layer: (layer ?? '') as Digest,
              })),
      },
    ];
  });
}

const relative = (path: string | null): string => (path ?? '').replace(/^\/+/, '');

/** Of kinds that Kiln's inventory does not know the nearest is taken: it only tells packages of one name apart. */
function typeOf(purl: string | null): PackageType {
  const type = parsePurl(purl ?? '')?.type;
  return type === 'deb' || type === 'apk' || type === 'pypi' || type === 'golang' || type === 'cargo' ? type : 'npm';
}
