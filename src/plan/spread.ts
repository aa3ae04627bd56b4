/** Where new instances go, and which go first, so that a group is spread evenly over the engine's zones. Pure. */
import type { InstanceObservation } from '../engines/engine.ts';

/** A zone for each of `count` new instances; null where the engine has none. `there`: the zones of those that are there. */
export function zonesFor(count: number, zones: readonly string[], there: readonly (string | null)[]): readonly (string | null)[] {
  const counts = new Map<string | null, number>(zones.map((zone) => [zone, 0]));
  for (const zone of there) if (counts.has(zone)) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return Array.from({ length: Math.max(0, count) }, () => {
    const [emptiest = null] = [...counts].reduce<readonly [string | null, number] | readonly []>(
      (least, each) => (least[1] === undefined || each[1] < least[1] ? each : least),
      [],
    );
    if (emptiest !== null) counts.set(emptiest, (counts.get(emptiest) ?? 0) + 1);
    return emptiest;
  });
}

/** The least useful first: those that are not healthy, then the newest of the fullest zone, one after the other. */
export function leastUseful(live: readonly InstanceObservation[]): readonly InstanceObservation[] {
  const inZone = new Map<string | null, number>();
  const nth = new Map<InstanceObservation, number>();
  for (const seen of live.toSorted((a, b) => rank(b) - rank(a) || a.launchedAt - b.launchedAt)) {
    const before = inZone.get(seen.zone) ?? 0;
    inZone.set(seen.zone, before + 1);
    nth.set(seen, before);
  }
  return live.toSorted((a, b) => rank(a) - rank(b) || (nth.get(b) ?? 0) - (nth.get(a) ?? 0) || b.launchedAt - a.launchedAt);
}

const rank = (seen: InstanceObservation): number => (seen.health.status === 'healthy' ? 1 : 0);
