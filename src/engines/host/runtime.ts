/**
 * The host engine's `Runtime`: instances on this machine, by runc and conmon over EROFS and overlayfs. Owns their processes,
 * mounts, networks, cgroups, logs and volumes; knows nothing of groups' sizes, traffic or rollouts. What runs goes on when
 * the daemon ends, and is adopted by the next one: the disk and the kernel are the record, not memory.
 */
import { watch, type FSWatcher } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

import { fleetOf, groupOf, type ContainerId, type FleetId, type InstanceId, type JobId } from '../../domain/ids.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { readCgroups, usageOf, type Usage } from '../../linux/cgroups.ts';
import type { LayerMounts } from '../../linux/layers.ts';
import { ensureBridge } from '../../linux/network.ts';
import { ociRuntime, type OciRuntime } from '../../linux/oci-runtime.ts';
import { runsInCgroup, sendSignal } from '../../linux/processes.ts';
import { selfTest } from '../../linux/oci-self-test.ts';
import type { ImageStore } from '../../oci/store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Home } from '../../platform/home.ts';
import type { InstanceUsage, Runtime } from '../engine.ts';
import type { Inside } from '../inside.ts';
import { checkHost } from './check.ts';
import { readPid } from './conmon.ts';
import { dispose, stopGracefully } from './dispose.ts';
import type { Host, OpenValues, Tracked } from './host.ts';
import { createIndices } from './indices.ts';
import { insideOf } from './inside.ts';
import { removeJob, startJob } from './jobs.ts';
import { launch } from './launch.ts';
import { rotateIfGrown } from './log-files.ts';
import { dropOldLogs } from './logs.ts';
import { placesOf } from './places.ts';
import { readBootId } from './record.ts';
import { openRoots } from './roots.ts';
import { reclaim } from './reclaim.ts';
import { openShipping } from './ship.ts';
import { observationOf } from './tracked.ts';
import { unsaid } from './unsaid.ts';

export interface HostRuntimeOptions {
  readonly home: Home;
  readonly store: ImageStore;
  readonly layers: LayerMounts;
  readonly clock: Clock;
  readonly values: OpenValues;
  readonly report: (message: string) => void;
}

/** What is run beside instances is another part's. */
export interface HostRuntime extends Omit<Runtime, 'test' | 'output'> {
  readonly name: 'host';
  /** Null where there is no such instance. */
  stats(id: InstanceId): Promise<Usage | null>;
  /** Null where no such instance runs. */
  inside(id: InstanceId): Promise<Inside | null>;
  /** The text without the values that the instance was launched with. */
  unsaid(id: InstanceId, text: string): Promise<string>;
}

/** Between looks at processes that might have ended unseen, and at the size of logs. */
const LOOK_MS = 1000;
const ROTATE_MS = 5000;

/** Adopts what runs and takes away what nobody wrote down. */
export async function createHostRuntime(options: HostRuntimeOptions): Promise<HostRuntime> {
  const { host, listeners } = await openHost(options);
  await reclaim(host);
  const closed = new AbortController();
  const watcher = watchExits(host);
  void every(LOOK_MS, host, ({ instances }) => look(instances.values()), closed.signal);
  void every(LOOK_MS, host, lookAtJobs, closed.signal);
  void every(ROTATE_MS, host, rotateLogs, closed.signal);
  const inTurn = queueById();
  return {
    name: 'host',
    // One machine is one zone.
    capabilities: { zones: [], healing: Math.max(4, 4 * availableParallelism()) },
    check: () => checkHost(host.home, host.bootId),
    ensureImage: async (digest) => {
      const image = await host.store.image(digest);
      await Promise.all(image.layers.map((layer) => host.layers.ensure(layer)));
    },
    launch: (id, release, { signal }) =>
      inTurn(id, async () => {
        if (!host.instances.has(id)) await launch(host, id, release, signal);
      }),
    kill: (id) => inTurn(id, () => kill(host, id)),
    remove: (id) => inTurn(id, () => remove(host, id)),
    observe: async (_ctx, fleet) => {
      const all = [...host.instances.values()];
      const asked = fleet === undefined ? all : all.filter(({ record }) => fleetOf(groupOf(record.id)) === fleet);
      await look(asked);
      // One that was removed meanwhile is gone.
      return asked.filter(({ record }) => host.instances.has(record.id)).map(observationOf);
    },
    startJob: (job, { signal }) => inTurn(job.id, () => startJob(host, job, signal)),
    jobs: async () => {
      await lookAtJobs(host);
      return [...host.jobs.values()].map((job) => job.seen());
    },
    removeJob: (id) => inTurn(id, () => removeJob(host, id)),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    usage: (fleet) => usageIn(host, fleet),
    stats: (id) => usageOf(host.places.cgroup(id)),
    inside: (id) => insideOf(host, id),
    unsaid: async (id, text) => {
      const release = host.instances.get(id)?.record.release;
      return release === undefined ? '' : unsaid(host, release, text);
    },
    close: async () => {
      closed.abort();
      watcher.close();
      for (const tracked of host.instances.values()) tracked.stop();
      await host.shipping.close();
    },
  };
}

async function usageIn({ instances, places }: Host, fleet: FleetId): Promise<readonly InstanceUsage[]> {
  const ids = [...instances.keys()].filter((id) => fleetOf(groupOf(id)) === fleet);
  const used = await Promise.all(ids.map(async (instance) => ({ instance, usage: await usageOf(places.cgroup(instance)) })));
  return used.flatMap(({ instance, usage }) => (usage === null ? [] : [{ instance, ...usage }]));
}

async function remove(host: Host, id: InstanceId): Promise<void> {
  const tracked = host.instances.get(id);
  if (tracked === undefined) return;
  tracked.stop();
  await stopGracefully(host, tracked.record);
  await dispose(host, id, tracked.record);
  await dropOldLogs(host.home, id);
  host.changed(id);
}

/** Its monitor sees the end, as it would see any other. */
async function kill(host: Host, id: InstanceId): Promise<void> {
  const pid = await readPid(host.places.instance(id));
  if (pid === null || !runsInCgroup(pid, host.places.cgroup(id))) return;
  sendSignal(pid, 'SIGKILL');
  await host.instances.get(id)?.check();
}

async function openHost(options: HostRuntimeOptions): Promise<{ host: Host; listeners: Set<(fleet: FleetId) => void> }> {
  const places = placesOf(options.home);
  for (const folder of [places.instances, places.roots, places.runtime, places.exits, places.sockets]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const listeners = new Set<(fleet: FleetId) => void>();
  const host: Host = {
    ...options,
    places,
    roots: openRoots(places.roots, options.layers),
    indices: createIndices(),
    shipping: await openShipping({ ...options, places, logs: options.home.logs }),
    cgroups: await readCgroups(),
    bootId: await readBootId(),
    bridge: once(() => ensureBridge(options.home)),
    runtime: once(() => chooseRuntime(options.home, places.runtime)),
    instances: new Map(),
    jobs: new Map(),
    changed: (id) => {
      for (const listener of listeners) listener(fleetOf(groupOf(id)));
    },
  };
  return { host, listeners };
}

async function chooseRuntime(home: Home, state: string): Promise<OciRuntime> {
  const { program, failures } = await selfTest(home, await readBootId());
  if (program !== null) return ociRuntime(program, state);
  throw new KilnError(
    'REQUIREMENT_MISSING',
    `no OCI runtime works here${failures.length === 0 ? '' : `: ${failures.join('; ')}`}`,
    {
      hint: 'install runc; `kiln doctor` says what else is missing',
    },
  );
}

/** The first call's result for all; a failure is tried again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | null = null;
  return () => {
    begun ??= work().catch((error: unknown) => {
      begun = null;
      throw error;
    });
    return begun;
  };
}

/** Launch and removal of one container never overlap. */
function queueById(): (id: ContainerId, work: () => Promise<void>) => Promise<void> {
  const turns = new Map<ContainerId, Promise<void>>();
  return (id, work) => {
    const turn = (turns.get(id) ?? Promise.resolve()).then(work, work);
    turns.set(id, turn);
    return turn.finally(() => {
      if (turns.get(id) === turn) turns.delete(id);
    });
  };
}

/** An instance's end is seen at once: its monitor writes a file. */
function watchExits(host: Host): FSWatcher {
  const watcher = watch(host.places.exits, (_, name) => {
    const ended = host.instances.get(name as InstanceId) ?? host.jobs.get(name as JobId);
    ended?.check().catch((error: unknown) => host.report(messageOf(error)));
  });
  watcher.on('error', (error) => host.report(`watching for ended instances: ${error.message}`));
  return watcher;
}

async function look(instances: Iterable<Tracked>): Promise<void> {
  await Promise.all([...instances].map((tracked) => tracked.check()));
}

async function lookAtJobs(host: Host): Promise<void> {
  await Promise.all([...host.jobs.values()].map((job) => job.check()));
}

async function rotateLogs({ instances, jobs, places }: Host): Promise<void> {
  const records = [...instances.values(), ...jobs.values()].map(({ record }) => record).filter((record) => record !== null);
  for (const record of records) {
    const { maxBytes, keepFiles } = record.release.content.launch.logs;
    await rotateIfGrown(places.log(record.id), places.instance(record.id), maxBytes, keepFiles);
  }
}

/** Until the signal fires. */
async function every(ms: number, host: Host, work: (host: Host) => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work(host).catch((error: unknown) => host.report(messageOf(error)));
    await host.clock.sleep(ms, signal).catch(() => {});
  }
}
