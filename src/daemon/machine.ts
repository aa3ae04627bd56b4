/** This machine, for real: the image store, mounted layers, the host engine's instances and HAProxy. */
import { readdir } from 'node:fs/promises';

import type { Logger } from 'pino';

import { bake } from '../bake/bake.ts';
import { checkBake } from '../bake/check.ts';
import { newerPackages } from '../bake/newer-packages.ts';
import { reclaimBakes } from '../bake/work-folder.ts';
import { instanceLogs } from '../engines/host/logs.ts';
import type { OpenValues } from '../engines/host/host.ts';
import { placesOf } from '../engines/host/places.ts';
import { createHostRuntime } from '../engines/host/runtime.ts';
import type { Configuration } from '../config/configuration.ts';
import { openSigner, type SigningSettings } from '../keys/signer.ts';
import { openLayerMounts } from '../linux/layers.ts';
import { removeBridge } from '../linux/network.ts';
import { dropVolatile, mountVolatile } from '../linux/volatile-folder.ts';
import { openImageStore } from '../oci/layout.ts';
import type { Clock } from '../platform/clock.ts';
import { isThere } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import { createHaproxy } from '../traffic/haproxy.ts';
import { trafficPaths } from '../traffic/paths.ts';
import type { Machine } from './parts.ts';
import { removedHomes } from './removed-homes.ts';
import { withTrials } from './trials.ts';

/** What of the daemon's start the machine works with. */
interface Settings {
  readonly signing: SigningSettings;
  readonly configuration: Configuration;
}

/** Adopts what an earlier daemon left running, and takes away what it left half made. */
export async function openMachine(home: Home, clock: Clock, log: Logger, settings: Settings): Promise<Machine> {
  await keepInMemory(home, log);
  try {
    return await open(home, clock, log, settings);
  } catch (error) {
    if (!(await isInUse(home))) await dropVolatile(home.run);
    throw error;
  }
}

async function open(home: Home, clock: Clock, log: Logger, { signing, configuration }: Settings): Promise<Machine> {
  const images = await openImageStore(home.images);
  const layers = openLayerMounts(home, images);
  await reclaimBakes(home);
  const report = (message: string): void => log.warn(message);
  const values: OpenValues = ({ content }, signal) => configuration.open(content.launch.references ?? [], signal);
  const host = await createHostRuntime({ home, store: images, layers, clock, values, report });
  const { runtime, trials } = await withTrials(host, clock);
  const balancer = await createHaproxy({ home, clock, log });
  return {
    images,
    layers,
    runtime,
    trials,
    balancer,
    logs: instanceLogs(home),
    bake,
    newerPackages: (signal) => newerPackages({ home, layers, signal }),
    signer: () => openSigner(signing),
    checkMachine: async () => [...(await checkBake()), ...(await removedHomes())],
    close: async () => {
      await Promise.all([runtime.close(), balancer.close()]);
    },
    clear: async () => {
      await Promise.all([runtime.close(), balancer.stop()]);
      await layers.unmountAll();
      await removeBridge(home);
      await dropVolatile(home.run);
    },
  };
}

/**
 * What instances are launched with is in home.run. Not where there is something already that an earlier Kiln left on disk:
 * it would be out of sight. Then it is moved by the first start that finds nothing.
 */
async function keepInMemory(home: Home, log: Logger): Promise<void> {
  if (process.getuid?.() !== 0 || (await isInUse(home))) return;
  await mountVolatile(home.run).catch((error: unknown) => {
    log.warn({ err: error }, 'no memory file system: what instances are launched with is kept on disk');
  });
}

/** Instances or a load balancer, perhaps dead by now, have their things in home.run. */
async function isInUse(home: Home): Promise<boolean> {
  const instances = await readdir(placesOf(home).instances).catch(() => []);
  return instances.length > 0 || (await isThere(trafficPaths(home).process));
}
