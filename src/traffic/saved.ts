/** The routing on disk: written before the running load balancer is told, so that it comes back right after any crash (D11). */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { bucketTable, bucketText } from './buckets.ts';
import { renderConfig, type Machine } from './config.ts';
import { MIRROR_SCRIPT } from './mirror.ts';
import { mapPath, type TrafficPaths } from './paths.ts';
import { checkConfig } from './process.ts';
import { mapText } from './map.ts';
import { doorsOf, rangesOf } from './routes.ts';
import { NO_WIRING } from './rule.ts';
import { validate, type Fleets, type RoutedFleet } from './slots.ts';

/** What an earlier daemon left. Throws STORE_UNREADABLE rather than begin with nothing while services are up. */
export async function loadFleets(paths: TrafficPaths): Promise<Fleets> {
  const text = await readIfThere(paths.state);
  if (text === null) return new Map();
  try {
    const saved = (JSON.parse(text) as readonly SavedFleet[]).map(completed);
    for (const { table } of saved) validate(table);
    return new Map(saved.map((fleet) => [fleet.table.fleet, fleet]));
  } catch (cause) {
    throw new KilnError('STORE_UNREADABLE', `the routing in ${paths.state} is damaged`, {
      hint: 'restore the file from a backup, or remove it: each service is routed anew when the daemon has observed it',
      cause,
    });
  }
}

/** Earlier versions knew no rules. */
type SavedFleet = Pick<RoutedFleet, 'slots'> &
  Partial<RoutedFleet> & { readonly table: Omit<RoutedFleet['table'], 'canary'> & Partial<RoutedFleet['table']> };

const completed = ({ table, slots, wiring }: SavedFleet): RoutedFleet => ({
  table: { ...table, canary: table.canary ?? null },
  slots,
  wiring: wiring ?? NO_WIRING,
});

/**
 * The state last: it is what a start reads, and then the maps and the configuration are written from it again.
 * `checked`: the structure may have changed, so HAProxy is asked first, and nothing is in place that it refuses.
 */
export async function saveFleets(fleets: Fleets, paths: TrafficPaths, machine: Machine, checked: boolean): Promise<void> {
  const maps = mapTexts(fleets, paths);
  const config = renderConfig(fleets, paths, machine);
  const support = Promise.all([...maps, [paths.script, MIRROR_SCRIPT] as const].map(([file, text]) => write(file, text)));
  if (checked) {
    // HAProxy reads them with the configuration.
    await support;
    if ((await readIfThere(paths.config)) !== config) await requireAccepted(config, paths);
  }
  await Promise.all([support, write(paths.config, config)]);
  await write(paths.state, JSON.stringify([...fleets.values()]));
  const stale = (await readdir(paths.maps)).map((name) => join(paths.maps, name)).filter((file) => !maps.has(file));
  for (const file of stale) await rm(file);
}

function mapTexts(fleets: Fleets, paths: TrafficPaths): ReadonlyMap<string, string> {
  const texts = new Map([[bucketTable(paths), bucketText()]]);
  for (const fleet of fleets.values()) {
    for (const door of doorsOf(fleet)) texts.set(mapPath(paths, door.name), mapText(rangesOf(door, fleet)));
  }
  return texts;
}

async function requireAccepted(config: string, paths: TrafficPaths): Promise<void> {
  const candidate = `${paths.config}.candidate`;
  await writeFileAtomic(candidate, config);
  try {
    await checkConfig(candidate);
  } finally {
    await rm(candidate, { force: true });
  }
}

/** What is there already costs no fsync. */
async function write(file: string, text: string): Promise<void> {
  if ((await readIfThere(file)) !== text) await writeFileAtomic(file, text);
}
