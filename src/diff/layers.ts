/** Which layers two images have in common. Pure. */
import type { Digest } from '../domain/digest.ts';
import type { Image } from '../oci/store.ts';
import type { LayerFacts, LayersDifference } from './contract.ts';
import { holdsSecret } from './secrets.ts';

export function compareLayers(first: Image, second: Image): LayersDifference {
  const [left, right] = [factsOf(first), factsOf(second)];
  const [ofFirst, ofSecond] = [left, right].map((side) => new Map(side.map((layer) => [layer.diffId, layer])));
  const shared = right.filter(({ diffId }) => ofFirst?.has(diffId));
  return {
    shared: { count: shared.length, bytes: shared.reduce((sum, { size }) => sum + size, 0) },
    restored: shared.filter(({ diffId, digest }) => ofFirst?.get(diffId)?.digest !== digest).length,
    first: left.filter(({ diffId }) => ofSecond?.has(diffId) !== true),
    second: right.filter(({ diffId }) => ofFirst?.has(diffId) !== true),
  };
}

const LONGEST = 1000;

function factsOf({ layers, config }: Image): readonly LayerFacts[] {
  const told = (config.history ?? []).filter((line) => line.empty_layer !== true);
  return layers.map(({ descriptor: { digest, size }, diffId }, index): LayerFacts & { diffId: Digest } => {
    const text = told[index]?.created_by?.slice(0, LONGEST) ?? null;
    return { digest, diffId, size, createdBy: text !== null && holdsSecret(text) ? '(it holds a secret)' : text };
  });
}
