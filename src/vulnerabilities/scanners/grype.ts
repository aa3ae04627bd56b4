/** Grype's report (`grype -o json`). */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import { ratingOfScore, ratingOfWord } from '../severity.ts';
import type { ReportEntry } from './report.ts';

const cvss = z.array(z.object({ metrics: z.object({ baseScore: z.number() }).optional() })).nullish();
const match = z.object({
  vulnerability: z.object({
    id: z.string().max(80),
    severity: z.string().default('Unknown'),
    description: z.string().optional(),
    dataSource: z.string().optional(),
    cvss,
    fix: z.object({ versions: z.array(z.string()).nullish(), state: z.string().optional() }).optional(),
  }),
  relatedVulnerabilities: z.array(z.object({ id: z.string() })).nullish(),
  artifact: z.object({
    name: z.string(),
    version: z.string(),
    purl: z.string().optional(),
    locations: z.array(z.object({ path: z.string(), layerID: z.string().optional() })).nullish(),
  }),
});
const schema = z.object({ matches: z.array(match), descriptor: z.object({ name: z.literal('grype') }) });

/** Null for what is no such report. */
export function readGrype(document: unknown): readonly ReportEntry[] | null {
  const parsed = schema.safeParse(document);
  return parsed.success ? parsed.data.matches.map(entryOf) : null;
}

function entryOf({ vulnerability, relatedVulnerabilities, artifact }: z.output<typeof match>): ReportEntry {
  const names = [vulnerability.id, ...(relatedVulnerabilities ?? []).map(({ id }) => id)];
  const id = names.find((each) => each.startsWith('CVE-')) ?? vulnerability.id;
  const word = ratingOfWord(vulnerability.severity);
  const scores = (vulnerability.cvss ?? []).map(({ metrics }) => metrics?.baseScore ?? -1);
  const [place] = artifact.locations ?? [];
  return {
    id,
    aliases: [...new Set(names)].filter((each) => each !== id),
    name: artifact.name,
    installed: artifact.version,
    fixed: vulnerability.fix?.state === 'fixed' ? (vulnerability.fix.versions?.[0] ?? null) : null,
    rating: word === null ? null : { ...word, score: ratingOfScore(Math.max(-1, ...scores))?.score ?? null },
    summary: plain(vulnerability.description?.slice(0, 300), 300) ?? '',
    url: vulnerability.dataSource ?? null,
    purl: artifact.purl ?? null,
    path: place?.path ?? null,
    layer: place?.layerID ?? null,
  };
}
