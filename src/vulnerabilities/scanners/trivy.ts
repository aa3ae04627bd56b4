/** Trivy's report, JSON of schema version 2 (`trivy image --format json`). */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import { ratingOfScore, ratingOfWord } from '../severity.ts';
import type { ReportEntry } from './report.ts';

const vulnerability = z.object({
  VulnerabilityID: z.string().max(80),
  VendorIDs: z.array(z.string()).nullish(),
  PkgName: z.string(),
  PkgPath: z.string().optional(),
  PkgIdentifier: z.object({ PURL: z.string().optional() }).optional(),
  InstalledVersion: z.string().default(''),
  FixedVersion: z.string().default(''),
  Severity: z.string().default('UNKNOWN'),
  Title: z.string().optional(),
  PrimaryURL: z.string().optional(),
  Layer: z.object({ DiffID: z.string().optional() }).optional(),
  CVSS: z.record(z.string(), z.object({ V3Score: z.number().optional(), V40Score: z.number().optional() })).nullish(),
});
const schema = z.object({
  SchemaVersion: z.literal(2),
  Results: z.array(z.object({ Vulnerabilities: z.array(vulnerability).nullish() })).nullish(),
});

/** Null for what is no such report. */
export function readTrivy(document: unknown): readonly ReportEntry[] | null {
  const parsed = schema.safeParse(document);
  if (!parsed.success) return null;
  return (parsed.data.Results ?? []).flatMap(({ Vulnerabilities }) => (Vulnerabilities ?? []).map(entryOf));
}

function entryOf(found: z.output<typeof vulnerability>): ReportEntry {
  const word = ratingOfWord(found.Severity);
  const scores = Object.values(found.CVSS ?? {}).map(({ V40Score, V3Score }) => V40Score ?? V3Score ?? -1);
  // The word is the vendor's judgement, which the score of another must not overrule.
  const score = ratingOfScore(Math.max(-1, ...scores))?.score ?? null;
  return {
    id: found.VulnerabilityID,
    aliases: found.VendorIDs ?? [],
    name: found.PkgName,
    installed: found.InstalledVersion,
    // Of several branches each has its own, divided by commas.
    fixed: found.FixedVersion === '' ? null : found.FixedVersion,
    rating: word === null ? null : { ...word, score },
    summary: plain(found.Title, 300) ?? '',
    url: found.PrimaryURL ?? null,
    purl: found.PkgIdentifier?.PURL ?? null,
    path: found.PkgPath ?? null,
    layer: found.Layer?.DiffID ?? null,
  };
}
