/** CycloneDX documents as VEX: their vulnerabilities with an analysis (CycloneDX 1.4 to 1.6). */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import type { VexStatement } from './statement.ts';

const schema = z.object({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.object({ timestamp: z.string().optional() }).optional(),
  components: z.array(z.looseObject({ 'bom-ref': z.string().optional(), purl: z.string().optional() })).default([]),
  vulnerabilities: z
    .array(
      z.object({
        id: z.string(),
        references: z.array(z.object({ id: z.string() })).default([]),
        analysis: z
          .object({
            state: z.string().optional(),
            justification: z.string().optional(),
            detail: z.string().optional(),
            lastUpdated: z.string().optional(),
          })
          .optional(),
        affects: z.array(z.object({ ref: z.string() })).default([]),
      }),
    )
    .max(10_000),
});

const STATUS: ReadonlyMap<string, VexStatement['status']> = new Map([
  ['not_affected', 'harmless'],
  ['false_positive', 'harmless'],
  ['resolved', 'harmless'],
  ['resolved_with_pedigree', 'harmless'],
  ['exploitable', 'affected'],
  ['in_triage', 'open'],
]);

/** Null for what is no CycloneDX document with vulnerabilities. */
export function readCyclonedxVex(document: unknown, file: string): readonly VexStatement[] | null {
  const parsed = schema.safeParse(document);
  if (!parsed.success) return null;
  const { components, vulnerabilities, metadata } = parsed.data;
  const purls = new Map(components.map((component) => [component['bom-ref'] ?? '', component.purl ?? '']));
  return vulnerabilities.flatMap(({ id, references, analysis, affects }) => {
    const status = STATUS.get(analysis?.state ?? '');
    if (status === undefined) return [];
    const at = Date.parse(analysis?.lastUpdated ?? metadata?.timestamp ?? '');
    return [
      {
        names: [id, ...references.map((each) => each.id)],
        status,
        why: plain(analysis?.detail ?? analysis?.justification, 500) ?? analysis?.state ?? '',
        // A BOM-Link's element is what follows its last hash.
        purls: affects.map(({ ref }) => purls.get(ref) || element(ref)),
        file,
        at: Number.isNaN(at) ? 0 : at,
      },
    ];
  });
}

const element = (ref: string): string => (ref.startsWith('urn:cdx:') ? decoded(ref.slice(ref.lastIndexOf('#') + 1)) : ref);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
