/** Launching one instance: record, root, bundle, container, network, start. Cut off anywhere, its record tells. */
import type { ContainerId, InstanceId } from '../../domain/ids.ts';
import type { LaunchValues } from '../../domain/reference.ts';
import type { Release } from '../../domain/release.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { connect } from '../../linux/network.ts';
import { addressOf } from '../../linux/subnet.ts';
import { isInMemory } from '../../linux/volatile-folder.ts';
import { placesIn, writeBundle } from './bundle.ts';
import { createMonitored } from './conmon.ts';
import type { Host } from './host.ts';
import { markStarted, writeRecord, type ContainerRecord } from './record.ts';
import { dispose } from './dispose.ts';
import { track } from './tracked.ts';

/** Returns when the process has started. Failing leaves nothing behind. Throws LAUNCH_FAILED. */
export async function launch(host: Host, id: InstanceId, release: Release, signal: AbortSignal): Promise<void> {
  await prepare(host, id, release, signal, async (record) => {
    await (await host.runtime()).start(id);
    await markStarted(host.places.instance(id));
    host.instances.set(id, await track(host, record));
  });
  host.changed(id);
}

/** Everything but the start of the process; `then` is part of it: failing anywhere leaves nothing behind. Throws LAUNCH_FAILED. */
export async function prepare<I extends ContainerId>(
  host: Host,
  id: I,
  release: Release,
  signal: AbortSignal,
  then: (record: ContainerRecord & { readonly id: I }) => Promise<void>,
): Promise<void> {
  const image = await host.store.image(release.content.image);
  const places = placesIn(release, image.config);
  const values = await valuesOf(host, release, signal);
  const [bridge, runtime] = await Promise.all([host.bridge(), host.runtime()]);
  const index = host.indices.take();
  const record = {
    id,
    release,
    launchedAt: host.clock.now(),
    bootId: host.bootId,
    index,
    ip: addressOf(bridge.subnet, index),
    root: host.roots.keyOf(image, places),
  };
  const folder = host.places.instance(id);
  try {
    await writeRecord(folder, record);
    const { folder: root } = await host.roots.acquire(record.root, id, image, places);
    const { ship } = release.content.launch.logs;
    if (ship !== null) await host.shipping.begin(id, ship);
    const cgroup = host.places.cgroup(id);
    await writeBundle({
      home: host.home,
      id,
      release,
      values,
      image: image.config,
      root,
      ip: record.ip,
      folder,
      cgroup,
      cgroups: host.cgroups,
    });
    signal.throwIfAborted();
    const pid = await createMonitored(host.places, runtime, record);
    await connect(bridge, index, pid);
    signal.throwIfAborted();
    await then(record);
  } catch (error) {
    // Whatever can't be taken away now keeps its record, and `remove` tries again.
    await dispose(host, id, record).catch((left: unknown) => host.report(`cleaning up after ${id}: ${messageOf(left)}`));
    throw asLaunchFailed(id, error);
  }
}

/** In memory only, from here to the instance. Throws REQUIREMENT_MISSING where the home's `run` is on a disk. */
async function valuesOf(host: Host, release: Release, signal: AbortSignal): Promise<LaunchValues> {
  const values = await host.values(release, signal);
  if (release.content.launch.references !== undefined && !(await isInMemory(host.home.run))) {
    throw new KilnError(
      'REQUIREMENT_MISSING',
      `${host.home.run} is not in memory, and values of references are written to no disk`,
      {
        hint: '`kiln down`, then `kiln up`: a daemon that starts with nothing running mounts it',
      },
    );
  }
  return values;
}

function asLaunchFailed(id: ContainerId, error: unknown): unknown {
  if (error instanceof KilnError || (error instanceof Error && error.name === 'AbortError')) return error;
  return new KilnError('LAUNCH_FAILED', `${id} could not be started: ${messageOf(error)}`, {
    hint: 'check the command, user and paths in kiln.yaml and the image; `kiln doctor` checks the machine',
    cause: error,
  });
}
