/** Tables of traffic compared. Pure. */
import type { GroupId } from '../domain/ids.ts';
import { canonicalJson } from '../domain/json.ts';
import type { CanaryRule, Traffic, Weights } from '../engines/engine.ts';

export const NO_TRAFFIC: Traffic = { weights: {}, preview: null, canary: null };

export const sameTraffic = (a: Traffic, b: Traffic): boolean =>
  sameWeights(a.weights, b.weights) && a.preview === b.preview && sameRule(a.canary, b.canary);

export const sameRule = (a: CanaryRule | null, b: CanaryRule | null): boolean => canonicalJson(a) === canonicalJson(b);

export function sameWeights(a: Weights, b: Weights): boolean {
  const [left, right] = [Object.entries(a), Object.entries(b)].map((entries) => entries.filter(([, weight]) => weight > 0));
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.every(([group, weight]) => b[group as GroupId] === weight);
}

/** Some requests are answered by this group, by its weight or because they match. Those that are only mirrored to it are not. */
export const answers = ({ weights, canary }: Traffic, group: GroupId): boolean =>
  (weights[group] ?? 0) > 0 || (canary?.group === group && canary.matches.length > 0);

export const trafficOf = ({ weights, preview, canary }: Traffic): Traffic => ({ weights, preview, canary });
