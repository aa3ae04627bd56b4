/** The Debian security tracker's data (security-tracker's `data/json`): source package → CVE → release → status. */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import type { Affected, Wanted } from '../advisory.ts';
import { ratingOfWord } from '../severity.ts';

const release = z.object({
  status: z.string(),
  fixed_version: z.string().max(256).optional(),
  urgency: z.string().optional(),
});
const issue = z.object({ description: z.string().optional(), releases: z.record(z.string(), z.unknown()).default({}) });

const ID = /^(?:CVE-[0-9]{4}-[0-9]{4,}|TEMP-[0-9]{7}-[0-9A-F]{6})$/;
const PACKAGE = /^[a-z0-9][a-z0-9+.-]*$/;

/** Whether it looks like the tracker's: an object whose members are objects of issues. */
export function isTracker(document: unknown): document is Readonly<Record<string, unknown>> {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return false;
  const [first] = Object.entries(document);
  if (first === undefined || !PACKAGE.test(first[0])) return false;
  const issues: unknown = first[1];
  return typeof issues === 'object' && issues !== null && Object.keys(issues).some((id) => ID.test(id));
}

export interface TrackerRecords {
  readonly affected: readonly Affected[];
  readonly records: number;
  readonly ecosystems: ReadonlySet<string>;
  /** Entries of another form than the documented. */
  readonly unread: number;
}

/** Releases are named by their codename: `Debian:bookworm`. */
export function readTracker(document: Readonly<Record<string, unknown>>, wanted: Wanted): TrackerRecords {
  const affected: Affected[] = [];
  const ecosystems = new Set<string>();
  let [records, unread] = [0, 0];
  for (const [name, issues] of Object.entries(document)) {
    if (typeof issues !== 'object' || issues === null) {
      unread += 1;
      continue;
    }
    for (const [id, said] of Object.entries(issues)) {
      records += 1;
      const parsed = ID.test(id) ? issue.safeParse(said) : null;
      if (parsed === null || !parsed.success) unread += 1;
      else {
        for (const codename of Object.keys(parsed.data.releases)) ecosystems.add(`Debian:${codename}`);
        affected.push(...releasesOf(name, id, parsed.data, wanted));
      }
    }
  }
  return { affected, records, ecosystems, unread };
}

function releasesOf(
  name: string,
  id: string,
  { description, releases }: z.output<typeof issue>,
  wanted: Wanted,
): readonly Affected[] {
  return Object.entries(releases).flatMap(([codename, said]) => {
    const ecosystem = `Debian:${codename}`;
    const parsed = wanted(ecosystem, name) ? release.safeParse(said) : null;
    if (parsed === null || !parsed.success) return [];
    const { status, fixed_version: fixed, urgency } = parsed.data;
    // Version 0: it never was affected.
    if (status === 'resolved' && (fixed === undefined || fixed === '0')) return [];
    const advisory = {
      id,
      aliases: [],
      covers: [],
      summary: plain(description?.slice(0, 300), 300) ?? '',
      rating: status === 'undetermined' ? ratingOfWord('none') : ratingOfWord(urgency),
      url: `https://security-tracker.debian.org/tracker/${id}`,
    };
    const from = { kind: 'introduced', version: '0' } as const;
    const range = fixed === undefined || status !== 'resolved' ? [from] : [from, { kind: 'fixed', version: fixed } as const];
    return [{ advisory, ecosystem, name, ranges: [range], versions: [] }];
  });
}
