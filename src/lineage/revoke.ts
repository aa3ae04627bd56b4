/** Revoking images, with their descendants where that is asked for: what is to be recorded. Pure. */
import type { Digest } from '../domain/digest.ts';
import { ancestorsOf, descendantsOf, type Parents } from './graph.ts';
import type { LineageEvent } from './events.ts';
import type { LineageState } from './state.ts';

type Revoking = Extract<LineageEvent, { kind: 'image.revoked' }>;

export interface RevokeRequest {
  readonly image: Digest;
  /** In force from here on, ms since the epoch. */
  readonly since: number;
  readonly cascade: boolean;
  readonly by: string;
  readonly why: string;
}

/** The image first, then its descendants, the nearest first. What is revoked at least as much already is left out. */
export function decideRevoke(state: LineageState, parents: Parents, request: RevokeRequest): readonly Revoking[] {
  const { image, cascade } = request;
  const below = cascade ? [...descendantsOf([image], parents).keys()] : [];
  const events = [image, ...below].map((each): Revoking => ({
    ...request,
    kind: 'image.revoked',
    image: each,
    through: each === image ? null : image,
  }));
  return events.filter((event) => !isCovered(state, event));
}

/** An image that came later than the revocation of one of its ancestors shares it: what is to be recorded, or null. */
export function inheritedBy(state: LineageState, parents: Parents, image: Digest): Revoking | null {
  const inherited = [...ancestorsOf(image, parents).keys()].flatMap((ancestor): readonly Revoking[] => {
    const found = state.revocations.get(ancestor);
    if (found === undefined || !found.cascade) return [];
    return [{ ...found, kind: 'image.revoked', image, through: found.through ?? ancestor }];
  });
  const [first] = inherited.toSorted((a, b) => a.since - b.since);
  return first === undefined || isCovered(state, first) ? null : first;
}

function isCovered(state: LineageState, { image, since, cascade }: Revoking): boolean {
  const known = state.revocations.get(image);
  return known !== undefined && known.since <= since && (known.cascade || !cascade);
}
