/** This machine, for real: the image store, mounted layers, the host engine's instances and HAProxy. */
import type { Logger } from 'pino';

import { bake } from '../bake/bake.ts';
import { checkBake } from '../bake/check.ts';
import { reclaimBakes } from '../bake/work-folder.ts';
import { instanceLogs } from '../engines/host/logs.ts';
import { createHostRuntime } from '../engines/host/runtime.ts';
import { openSigner, type SigningSettings } from '../keys/signer.ts';
import { openLayerMounts } from '../linux/layers.ts';
import { removeBridge } from '../linux/network.ts';
import { openImageStore } from '../oci/layout.ts';
import type { Clock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import { createHaproxy } from '../traffic/haproxy.ts';
import type { Machine } from './parts.ts';
import { removedHomes } from './removed-homes.ts';
import { withTrials } from './trials.ts';

/** Adopts what an earlier daemon left running, and takes away what it left half made. */
export async function openMachine(home: Home, clock: Clock, log: Logger, signing: SigningSettings): Promise<Machine> {
  const images = await openImageStore(home.images);
  const layers = openLayerMounts(home, images);
  await reclaimBakes(home);
  const report = (message: string): void => log.warn(message);
  const host = await createHostRuntime({ home, store: images, layers, clock, report });
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
    signer: () => openSigner(signing),
    checkMachine: async () => [...(await checkBake()), ...(await removedHomes())],
    close: async () => {
      await Promise.all([runtime.close(), balancer.close()]);
    },
    clear: async () => {
      await Promise.all([runtime.close(), balancer.stop()]);
      await layers.unmountAll();
      await removeBridge(home);
    },
  };
}
