/** OpenVEX documents (openvex/spec, OPENVEX-SPEC.md 0.2.0). */
import * as z from 'zod';

import { plain } from '../../sbom/text.ts';
import type { VexStatement } from './statement.ts';

const identified = z.union([
  z.string(),
  z.looseObject({ '@id': z.string().optional(), identifiers: z.record(z.string(), z.string()).optional() }),
]);
const product = z.union([z.string(), identified.and(z.object({ subcomponents: z.array(identified).optional() }))]);
const schema = z.object({
  '@context': z.string().startsWith('https://openvex.dev/ns'),
  timestamp: z.string().optional(),
  statements: z
    .array(
      z.object({
        vulnerability: z.union([z.string(), z.object({ name: z.string(), aliases: z.array(z.string()).default([]) })]),
        timestamp: z.string().optional(),
        products: z.array(product).default([]),
        status: z.enum(['not_affected', 'affected', 'fixed', 'under_investigation']),
        justification: z.string().optional(),
        impact_statement: z.string().optional(),
        action_statement: z.string().optional(),
      }),
    )
    .max(10_000),
});

const STATUS = { not_affected: 'harmless', fixed: 'harmless', affected: 'affected', under_investigation: 'open' } as const;

/** Null for what is no OpenVEX document. */
export function readOpenVex(document: unknown, file: string): readonly VexStatement[] | null {
  const parsed = schema.safeParse(document);
  if (!parsed.success) return null;
  return parsed.data.statements.map((statement) => {
    const { vulnerability, status, justification, impact_statement: impact, action_statement: action } = statement;
    const names = typeof vulnerability === 'string' ? [vulnerability] : [vulnerability.name, ...vulnerability.aliases];
    const at = Date.parse(statement.timestamp ?? parsed.data.timestamp ?? '');
    return {
      names,
      status: STATUS[status],
      why: plain(impact ?? justification ?? action, 500) ?? status,
      purls: statement.products.flatMap(purlsOf),
      file,
      at: Number.isNaN(at) ? 0 : at,
    };
  });
}

/** Its parts, where it names some. An image as a whole is no package: what is said of it is said of everything in it. */
function purlsOf(said: z.output<typeof product>): readonly string[] {
  const parts = typeof said === 'string' ? undefined : said.subcomponents;
  return (parts === undefined || parts.length === 0 ? [said] : parts).map(purlOf).filter((purl) => !purl.startsWith('pkg:oci/'));
}

const purlOf = (said: z.output<typeof identified>): string =>
  typeof said === 'string' ? said : (said.identifiers?.['purl'] ?? said['@id'] ?? '');
