/** `channels:` as the daemon keeps it. */
import type { Spec } from './parse.ts';

/** By channel; a channel without `after` has nothing to wait for. */
export const channelPolicies = ({ channels }: Spec): Readonly<Record<string, { after: string | null; soakMs: number }>> =>
  Object.fromEntries(Object.entries(channels).map(([name, { after, soak }]) => [name, { after: after ?? null, soakMs: soak }]));
