/** What of an image's vulnerabilities is new, what was stated of it, and what keeps the image from being published. Pure. */
import type { Digest } from '../domain/digest.ts';
import { isAtLeast, type GatePolicy } from '../domain/gate.ts';
import type { WaiverLine } from '../domain/waiver.ts';
import type { Finding } from '../gates/contract.ts';
import { findingOf, fingerprintOf } from '../gates/finding.ts';
import { fits } from '../gates/waive.ts';
import type { Vulnerability } from './match.ts';
import { stated, type VexStatement } from './vex/statement.ts';

export interface Judged {
  readonly vulnerability: Vulnerability;
  /** Not in the baseline, under none of its names, in no version of the package; or there by leave alone. */
  readonly isNew: boolean;
  readonly statement: VexStatement | null;
  readonly finding: Finding;
}

export interface Grounds {
  /** What is published already, by its own right. */
  readonly known: readonly Vulnerability[];
  readonly statements: readonly VexStatement[];
  readonly waivers: readonly WaiverLine[];
  readonly policy: GatePolicy;
}

/** In the order of `vulnerabilities`. What a waiver names was accepted until a day: being there before is no second leave. */
export function judge(
  vulnerabilities: readonly Vulnerability[],
  { known, statements, waivers, policy }: Grounds,
): readonly Judged[] {
  const fresh = new Set(newSince(vulnerabilities, known));
  return vulnerabilities.map((vulnerability) => {
    const statement = stated(vulnerability, statements);
    const isNamed = waivers.some((line) => fits(line, findingFor(vulnerability, false, statement, policy)));
    const isNew = isNamed || fresh.has(vulnerability);
    return { vulnerability, isNew, statement, finding: findingFor(vulnerability, isNew, statement, policy) };
  });
}

/** As findings of any bake may have called it. */
export const fingerprintsOf = ({ id, aliases, type, name }: Named): readonly string[] =>
  [id, ...aliases].map((each) => fingerprintOf('vulnerabilities', each, [type, name]));

/** Those that are not among the others: under none of their names, in no version of the package. */
export function newSince<T extends Named>(vulnerabilities: readonly T[], others: readonly Named[]): readonly T[] {
  const known = new Set(others.flatMap(identities));
  return vulnerabilities.filter((each) => !identities(each).some((name) => known.has(name)));
}

type Named = Pick<Vulnerability, 'id' | 'aliases' | 'type' | 'name'>;

const identities = ({ id, aliases, type, name }: Named): readonly string[] =>
  [id, ...aliases].map((each) => JSON.stringify([each, type, name]));

function findingFor(found: Vulnerability, isNew: boolean, statement: VexStatement | null, policy: GatePolicy): Finding {
  const [first] = found.packages;
  const isHarmless = statement?.status === 'harmless';
  const finding = findingOf(
    {
      gate: 'vulnerabilities',
      rule: found.id,
      severity: isHarmless ? 'note' : found.severity,
      what: whatIs(found, isNew, statement),
      where: { path: first === undefined ? null : `/${first.path}`, layer: (first?.layer ?? null) as Digest | null },
      fix: fixOf(found),
    },
    [found.type, found.name],
    policy,
  );
  const counts = isNew && !isHarmless && (found.fixed !== null || policy.vulnerabilities.unfixed === 'fail');
  return { ...finding, blocks: counts && isAtLeast(found.severity, policy.failAt.vulnerabilities) };
}

function whatIs(
  { name, installed, packages, score, rated, summary }: Vulnerability,
  isNew: boolean,
  statement: VexStatement | null,
): string {
  const others = [...new Set(packages.map((each) => each.name))].filter((each) => each !== name);
  const within = others.length === 0 ? '' : ` (${others.slice(0, 4).join(', ')}${others.length > 4 ? ', …' : ''})`;
  const notes = [
    ...(score === null ? [] : [`CVSS ${score}`]),
    ...(rated ? [] : ['rated by nobody: taken for medium']),
    ...(isNew ? [] : ['not new']),
    ...(statement === null ? [] : [`${VEX_WORDS[statement.status]} by ${statement.file}: ${statement.why}`]),
  ];
  const told = notes.length === 0 ? '' : ` [${notes.join('; ')}]`;
  return `${name} ${installed}${within}${told}${summary === '' ? '' : `: ${summary}`}`;
}

const VEX_WORDS = { harmless: 'no harm here', affected: 'confirmed', open: 'being looked at' } as const;

function fixOf({ type, name, fixed }: Vulnerability): string {
  if (fixed === null) {
    return 'no mended version is known: do without it, or state in a VEX document or kiln.waivers.yaml why it may be here';
  }
  const how = type === 'deb' ? '; `kiln bake --update` takes it where the mirror has it' : '';
  return `take ${name} ${fixed} or later${how}`;
}
