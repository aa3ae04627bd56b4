/** Records of OSV (the OSV schema 1.x): one JSON document a vulnerability. */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import { normalName } from '../../sbom/readers/pip.ts';
import type { Affected, Rating, VersionEvent, Wanted } from '../advisory.ts';
import { gravest, ratingOfVector, ratingOfWord } from '../severity.ts';

const severity = z.array(z.object({ type: z.string(), score: z.string() })).nullish();
const specific = z.looseObject({ severity: z.unknown().optional(), urgency: z.unknown().optional() }).nullish();
const affected = z.object({
  package: z.object({ ecosystem: z.string(), name: z.string() }).optional(),
  ranges: z.array(z.object({ type: z.string(), events: z.array(z.record(z.string(), z.unknown())).default([]) })).nullish(),
  versions: z.array(z.string()).nullish(),
  severity,
  ecosystem_specific: specific,
  database_specific: specific,
});
const record = z.object({
  id: z.string(),
  modified: z.string().optional(),
  withdrawn: z.string().nullish(),
  aliases: z.array(z.string()).nullish(),
  upstream: z.array(z.string()).nullish(),
  summary: z.string().nullish(),
  details: z.string().nullish(),
  severity,
  database_specific: specific,
  affected: z.array(affected).nullish(),
});
type OsvRecord = z.output<typeof record>;

export interface SourceRecord {
  readonly affected: readonly Affected[];
  /** When it was last changed, ms since the epoch; null where it does not say. */
  readonly modified: number | null;
  /** Of all packages that it is about, wanted or not. */
  readonly ecosystems: readonly string[];
}

/** Distributions list every version beside the ranges that say the same. */
const LISTS_ARE_RANGES = /^(?:Debian|Ubuntu|Alpine|Wolfi|Chainguard)/;
const ID = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,79}$/;
const VERSIONS = 20_000;

/** Null for what is no record. A withdrawn one affects nothing. */
export function readOsv(document: unknown, wanted: Wanted): SourceRecord | null {
  const packages = packagesIn(document);
  const isAbout = packages.some(({ ecosystem, name }) => wantedName(ecosystem, name, wanted) !== null);
  const parsed = record.safeParse(isAbout ? document : withoutAffected(document));
  if (!parsed.success || !ID.test(parsed.data.id)) return null;
  const { data } = parsed;
  const modified = Date.parse(data.modified ?? '');
  const isWithdrawn = (data.withdrawn ?? null) !== null;
  return {
    modified: Number.isNaN(modified) ? null : modified,
    ecosystems: packages.map(({ ecosystem }) => ecosystemOf(ecosystem)),
    affected: isWithdrawn ? [] : (data.affected ?? []).flatMap((each) => affectedOf(each, data, wanted)),
  };
}

interface Named {
  readonly ecosystem: string;
  readonly name: string;
}

/** A quick look, since nearly all of a database is about packages that an image has not. */
function packagesIn(document: unknown): readonly Named[] {
  const said = (document as { readonly affected?: unknown } | null)?.affected;
  if (!Array.isArray(said)) return [];
  return said.flatMap((each: { readonly package?: { readonly ecosystem?: unknown; readonly name?: unknown } } | null) => {
    const { ecosystem, name } = each?.package ?? {};
    return typeof ecosystem === 'string' && typeof name === 'string' ? [{ ecosystem, name }] : [];
  });
}

/** What is no object at all stays what it is: the schema says so. */
const withoutAffected = (document: unknown): unknown =>
  typeof document === 'object' && document !== null && 'affected' in document ? { ...document, affected: [] } : document;

/** A long-term release of Ubuntu is the same as without the word. */
const ecosystemOf = (ecosystem: string): string => ecosystem.replace(/:LTS$/, '');

/** As packages are named here; null: of a package that is not wanted. */
function wantedName(ecosystem: string, name: string, wanted: Wanted): Named | null {
  const named = { ecosystem: ecosystemOf(ecosystem), name: ecosystem === 'PyPI' ? normalName(name) : name };
  return wanted(named.ecosystem, named.name) ? named : null;
}

function affectedOf(said: z.output<typeof affected>, data: OsvRecord, wanted: Wanted): readonly Affected[] {
  const named = said.package === undefined ? null : wantedName(said.package.ecosystem, said.package.name, wanted);
  if (named === null) return [];
  const ranges = (said.ranges ?? []).filter(({ type }) => type !== 'GIT').map(({ events }) => events.flatMap(eventsOf));
  const isListed = ranges.length > 0 && LISTS_ARE_RANGES.test(named.ecosystem);
  const upstream = ids(data.upstream);
  return [
    {
      advisory: {
        id: data.id,
        aliases: [...ids(data.aliases), ...(upstream.length === 1 ? upstream : [])],
        covers: upstream.length > 1 ? upstream : [],
        summary: plain(data.summary, 300) ?? firstLine(data.details ?? ''),
        rating: ratingOf(said, data),
        url: `https://osv.dev/vulnerability/${data.id}`,
      },
      ...named,
      ranges,
      versions: isListed ? [] : (said.versions ?? []).slice(0, VERSIONS),
    },
  ];
}

const ids = (list: readonly string[] | null | undefined): readonly string[] =>
  (list ?? []).filter((id) => ID.test(id)).slice(0, 100);

const firstLine = (text: string): string => plain(text.slice(0, 4000).trim().split('\n', 1)[0]?.slice(0, 300), 300) ?? '';

const vectors = (list: z.output<typeof severity>): Rating | null =>
  gravest((list ?? []).slice(0, 20).map(({ score }) => ratingOfVector(score) ?? ratingOfWord(score)));
const words = (each: z.output<typeof specific>): Rating | null => ratingOfWord(each?.severity) ?? ratingOfWord(each?.urgency);

/** The words of this package's own before those of the whole record. */
function ratingOf(said: z.output<typeof affected>, data: OsvRecord): Rating | null {
  const own = words(said.ecosystem_specific) ?? words(said.database_specific);
  // Debian calls unimportant what can't be reached as packaged: that is meant to weigh more than a score of the code.
  if (own?.severity === 'note') return own;
  return vectors(said.severity) ?? vectors(data.severity) ?? own ?? words(data.database_specific);
}

function eventsOf(event: Readonly<Record<string, unknown>>): readonly VersionEvent[] {
  const kinds = { introduced: 'introduced', fixed: 'fixed', last_affected: 'last-affected' } as const;
  return Object.entries(kinds).flatMap(([key, kind]) => {
    const version = Object.hasOwn(event, key) ? event[key] : undefined;
    return typeof version === 'string' && version.length <= 256 ? [{ kind, version }] : [];
  });
}
