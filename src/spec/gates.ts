/** `image.gates`: from which severity on a finding fails its gate. */
import type { GatePolicy } from '../domain/gate.ts';
import type { Spec } from './parse.ts';

/** The other gates have no grades: an image without an inventory, or with a failed test, is for nobody. */
export const gatePolicyOf = ({ image: { gates } }: Spec): GatePolicy => ({ failAt: { sbom: 'note', test: 'note', ...gates } });
