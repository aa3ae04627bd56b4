/** Findings and what is made of them. Pure. */
import { createHash } from 'node:crypto';

import { isAtLeast, type GateName, type GatePolicy } from '../domain/gate.ts';
import type { Finding } from './contract.ts';

/**
 * The name of a finding that a waiver can give: the same in each bake as long as the parts are. Parts are what makes it
 * this one and no other (a path, a package, a variable), not what changes from bake to bake (a layer, a line, a time).
 */
export function fingerprintOf(gate: GateName, rule: string, parts: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([gate, rule, ...parts]))
    .digest('hex')
    .slice(0, 16);
}

/** A finding that blocks by its severity alone. `parts` as for `fingerprintOf`. */
export function findingOf(
  found: Omit<Finding, 'fingerprint' | 'blocks' | 'waiver'>,
  parts: readonly string[],
  { failAt }: GatePolicy,
): Finding {
  return {
    ...found,
    fingerprint: fingerprintOf(found.gate, found.rule, parts),
    blocks: isAtLeast(found.severity, failAt[found.gate]),
    waiver: null,
  };
}
