/** Whether a version is within what an advisory calls affected (OSV schema, "Evaluation"). Pure. */
import type { Affected, VersionEvent } from './advisory.ts';
import type { Compare } from './versions/compare.ts';

export interface Hit {
  /** The lowest version above this one that is mended; null: none is known. */
  readonly fixed: string | null;
}

/** Null: not affected. */
export function hitOf(version: string, { ranges, versions }: Affected, compare: Compare): Hit | null {
  const within = ranges.map((events) => hitOfRange(version, events, compare)).filter((hit) => hit !== null);
  if (within.length === 0) return versions.includes(version) ? { fixed: null } : null;
  return within.find(({ fixed }) => fixed !== null) ?? { fixed: null };
}

/** A boundary that can't be read never makes a version safe: an unreadable beginning is before all, an unreadable end is none. */
function hitOfRange(version: string, events: readonly VersionEvent[], compare: Compare): Hit | null {
  const order = (a: string, b: string): number | null => (b === '0' ? 1 : a === '0' ? -1 : compare(a, b));
  // A version that its own kind can't read is in every range.
  const isReadable = compare(version, version) !== null;
  const readable = events
    .filter(({ kind, version: at }) => kind === 'introduced' || at === '0' || compare(at, at) !== null)
    .toSorted((a, b) => order(a.version, b.version) ?? (compare(a.version, a.version) === null ? -1 : 1));
  let isAffected = !readable.some(({ kind }) => kind === 'introduced') && readable.length > 0;
  for (const { kind, version: at } of readable) {
    const passed = isReadable ? (order(version, at) ?? 1) : 0;
    if (kind === 'introduced' && passed >= 0) isAffected = true;
    if (kind === 'fixed' && isReadable && passed >= 0) isAffected = false;
    if (kind === 'last-affected' && isReadable && passed > 0) isAffected = false;
  }
  if (!isAffected) return null;
  const fix = readable.find(({ kind, version: at }) => kind === 'fixed' && at !== '0' && (order(at, version) ?? 1) > 0);
  return { fixed: fix?.version ?? null };
}
