/** Lineage states for tests: events folded, each a second after the one before. */
import { createHash } from 'node:crypto';

import type { Digest } from '../../domain/digest.ts';
import type { ServiceName } from '../../domain/ids.ts';
import type { LineageEvent } from '../events.ts';
import { emptyLineage, foldLineage, type LineageState } from '../state.ts';

/** The image of that name. */
export const imageOf = (name: string): Digest => `sha256:${createHash('sha256').update(name).digest('hex')}` as Digest;

export const WEB = 'web' as ServiceName;

export const after = (...events: readonly LineageEvent[]): LineageState =>
  events.reduce((state, event, index) => foldLineage(state, event, index + 1, (index + 1) * 1000), emptyLineage());

export const set = (
  channel: string,
  name: string,
  change: Partial<Extract<LineageEvent, { kind: 'channel.set' }>> = {},
): LineageEvent => ({
  kind: 'channel.set',
  service: WEB,
  channel,
  image: imageOf(name),
  how: 'set',
  by: 'ada',
  why: '',
  overruled: null,
  ...change,
});

export const revoke = (name: string, change: Partial<Extract<LineageEvent, { kind: 'image.revoked' }>> = {}): LineageEvent => ({
  kind: 'image.revoked',
  image: imageOf(name),
  since: 0,
  cascade: false,
  through: null,
  by: 'ada',
  why: 'leaks a key',
  ...change,
});
