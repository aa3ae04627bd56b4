/** The gate `lint`: mistakes in how the image is made, found in the recipe and in what came of it. */
import type { Finding, Gate, GateSubject } from '../contract.ts';
import { findingOf } from '../finding.ts';
import { contentsOf } from './contents.ts';
import { IMAGE_RULES } from './image-rules.ts';
import { RECIPE_RULES } from './recipe-rules.ts';
import { viewOf } from './recipe-view.ts';
import type { LintSubject, Rule } from './rule.ts';

export const RULES: readonly Rule[] = [...RECIPE_RULES, ...IMAGE_RULES];

export const lintGate: Gate = {
  name: 'lint',
  run: async (subject) => {
    const { image, probe, runUser } = subject;
    const seen = { image, probe, runUser, view: await viewOf(subject.recipe), contents: await contentsOf(subject) };
    const findings = RULES.flatMap((rule) => findingsOf(rule, seen, subject));
    const broken = new Set(findings.map(({ rule }) => rule)).size;
    return { findings, why: `${RULES.length} rules, ${broken === 0 ? 'none' : broken} broken`, predicates: [] };
  },
};

const findingsOf = (rule: Rule, seen: LintSubject, { policy }: GateSubject): readonly Finding[] =>
  rule.breaches(seen).map(({ key, what, path = null, line }) => {
    const where = { path, layer: null, ...(line === undefined ? {} : { line }) };
    const { id, severity, why, fix } = rule;
    return findingOf({ gate: 'lint', rule: id, severity, what: `${what}: ${why}`, where, fix }, [key], policy);
  });
