/** `image.gates`: from which severity on a finding fails its gate, and what a gate works with. */
import { isAbsolute, resolve } from 'node:path';

import type { GatePolicy } from '../domain/gate.ts';
import type { Spec } from './parse.ts';

const DEFAULTS = { 'fail-at': 'high', unfixed: 'fail', sources: [], 'max-age': 7 * 86_400_000 } as const;
/** An address, or the name of a program: no path. */
const ELSEWHERE = /^https?:\/\/|^(?:trivy|grype)$/;

/**
 * `folder`: that of kiln.yaml. The gates without a threshold of their own have no grades: an image without an inventory, or
 * with a failed test, is for nobody.
 */
export function gatePolicyOf({ image: { gates } }: Spec, folder: string): GatePolicy {
  const { lint, secrets, vulnerabilities: said } = gates;
  const asked = typeof said === 'string' ? { ...DEFAULTS, 'fail-at': said } : said;
  const pathOf = (source: string): string => (ELSEWHERE.test(source) || isAbsolute(source) ? source : resolve(folder, source));
  return {
    failAt: { lint, secrets, sbom: 'note', vulnerabilities: asked['fail-at'], test: 'note' },
    vulnerabilities: { sources: asked.sources.map(pathOf), unfixed: asked.unfixed, maxAgeMs: asked['max-age'] },
  };
}
