/** The gate `lint`: mistakes in how the image is made, found in the recipe and in what came of it. */
import type { Gate, GateSubject } from '../contract.ts';
import { findingOf } from '../finding.ts';
import type { Rule } from './rule.ts';
import { RULES } from './rules.ts';

export const lintGate: Gate = {
  name: 'lint',
  run: async (subject) => {
    const findings = RULES.flatMap((rule) => findingsOf(rule, subject));
    return { findings, why: `${RULES.length} rules, ${findings.length} broken`, predicates: [] };
  },
};

const findingsOf = (rule: Rule, subject: GateSubject) =>
  rule.breaches(subject).map(({ key, what, path = null, line }) => {
    const where = { path, layer: null, ...(line === undefined ? {} : { line }) };
    const { id, severity, why, fix } = rule;
    return findingOf({ gate: 'lint', rule: id, severity, what: `${what}: ${why}`, where, fix }, [key], subject.policy);
  });
