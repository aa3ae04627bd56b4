/** Instances that outlived their home: its folder was removed while they ran, so no daemon of another home knows them. */
import { readdir, stat } from 'node:fs/promises';

import { isContainerId } from '../../domain/ids.ts';
import { argumentsOf } from '../../linux/processes.ts';
import { isThere } from '../../platform/files.ts';
import { isMonitor } from './conmon.ts';

/** As in places.ts, below a home's folder. */
const INSTANCES = '/run/instances/';

/** The folders of homes that are gone, with how many of their instances still run. Of the same user only: others can't be ended. */
export async function instancesOfRemovedHomes(): Promise<ReadonlyMap<string, number>> {
  const homes = new Map<string, number>();
  for (const bundle of await Promise.all((await readdir('/proc')).map(bundleOf))) {
    if (bundle === null || (await isThere(bundle))) continue;
    const home = bundle.slice(0, bundle.lastIndexOf(INSTANCES));
    homes.set(home, (homes.get(home) ?? 0) + 1);
  }
  return homes;
}

/** The bundle of an instance that the process is a monitor of. */
async function bundleOf(name: string): Promise<string | null> {
  const pid = Number(name);
  const args = Number.isInteger(pid) ? argumentsOf(pid) : [];
  const bundle = args.find((argument) => argument.includes(INSTANCES)) ?? '';
  const id = bundle.slice(bundle.lastIndexOf(INSTANCES) + INSTANCES.length);
  if (!bundle.startsWith('/') || !isContainerId(id) || !isMonitor(pid, id)) return null;
  const owner = await stat(`/proc/${pid}`).catch(() => null);
  return owner?.uid === process.getuid?.() ? bundle : null;
}
