/**
 * The daemon: everything that Kiln is on this machine, put together, and its loops. A crash at any point is answered by
 * the next start: the journal says what was wanted, the machine says what is, and the loops close the gap.
 */
import { randomInt } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';

import type { Logger } from 'pino';

import { createServer } from '../api/server.ts';
import type { Configuration } from '../config/configuration.ts';
import { Executor } from '../execute/executor.ts';
import { Fleets } from '../execute/fleets.ts';
import { KeptEngine } from '../execute/kept-engine.ts';
import { WavesInForce } from '../execute/waves.ts';
import { Notifier } from '../notify/notifier.ts';
import type { Clock } from '../platform/clock.ts';
import { makeHome } from '../platform/home-folder.ts';
import type { Home } from '../platform/home.ts';
import { version } from '../platform/version.ts';
import { openRegistries } from '../registry/registries.ts';
import type { Journal } from '../store/journal.ts';
import { openJournal } from '../store/sqlite.ts';
import { checkBases } from './base-check.ts';
import { watchBases } from './base-watch.ts';
import { openBaseWatch } from './last-check.ts';
import { followCascade } from './cascade.ts';
import { Drift } from './drift.ts';
import { createGate } from './gate.ts';
import { withInjections, type Injection } from './inject.ts';
import { kilnVerbs } from './kiln.ts';
import { openImageGraph } from './image-graph.ts';
import { openLineage } from './lineage.ts';
import { clearSocket, lockHome, watchLock } from './lock.ts';
import { mendImages } from './mend-images.ts';
import type { Machine, Parts } from './parts.ts';
import { openPulse } from './pulse.ts';
import { followPatch, openPatches } from './patch.ts';
import { serveBySetting } from './serve.ts';
import { openMeasure } from './measuring.ts';
import { openWebhooks } from './webhooks.ts';

export interface DaemonOptions {
  readonly home: Home;
  readonly clock: Clock;
  readonly log: Logger;
  readonly configuration: Configuration;
  readonly openMachine: (home: Home, clock: Clock, log: Logger) => Promise<Machine>;
  /** Faults on purpose, for tests. Absent: none. */
  readonly injections?: readonly Injection[];
  /** Somebody asked over the API for the daemon to stop. */
  readonly onStopAsked: () => void;
}

export interface Daemon {
  /** Answers what was asked, then lets go of everything. Instances and load balancer go on. */
  stop(): Promise<void>;
}

/** Resolves when the API answers. What had been started is let go of where it fails. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const undo = new AsyncDisposableStack();
  try {
    await start(options, undo);
    return { stop: () => undo.disposeAsync() };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

/** What is started last is stopped first: the API before the loops, the loops before what they act on. */
async function start(options: DaemonOptions, undo: AsyncDisposableStack): Promise<void> {
  const { home, clock, log } = options;
  makeFolders(home);
  const lock = lockHome(home);
  undo.defer(() => lock.release());
  undo.defer(watchLock(home, () => stopHomeless(options)));
  await clearSocket(home);
  const journal = openJournal(home.database, clock);
  undo.defer(() => journal.close());
  await mendImages(home, journal, log);
  const machine = await options.openMachine(home, clock, log);
  const hands = withInjections({ ...machine, journal }, options.injections ?? []);
  const parts = assemble(options, hands.journal, { ...machine, runtime: hands.runtime, balancer: hands.balancer });
  undo.defer(() => leave(machine));
  const pulse = openPulse(home, journal, clock);
  undo.defer(() => pulse.stop());
  parts.fleets.missed(pulse.awayMs);
  parts.fleets.start();
  parts.waves.start();
  parts.notifier.run().catch((error: unknown) => log.error({ err: error }, 'notifications ended'));
  undo.defer(() => parts.fleets.close());
  followCascade(parts, () => {}).catch((error: unknown) => log.warn({ err: error }, 'a cascade stopped'));
  for (const id of openPatches(parts)) {
    followPatch(parts, id).catch((error: unknown) => log.warn({ err: error, patch: id }, 'a patch stopped'));
  }
  parts.drift.watch().catch((error: unknown) => log.warn({ err: error }, 'drift of configuration is not looked for'));
  watchBases(parts, log).catch((error: unknown) => log.error({ err: error }, 'the watch of bases ended'));
  const onBug = (error: unknown, route: string): void => log.error({ err: error, route }, 'a bug');
  const server = createServer(kilnVerbs(parts), { version: version(), onBug });
  await server.listen(home.socket);
  undo.defer(() => server.close());
  const served = await serveBySetting(parts, log);
  undo.defer(async () => served?.close());
  log.info({ home: home.root, version: version() }, 'ready');
}

/** Nobody can reach it any more, and a new daemon may take over the path: two must not act on one machine. */
function stopHomeless({ home, log, onStopAsked }: DaemonOptions): void {
  log.error({ home: home.root }, 'the home is gone');
  onStopAsked();
}

/** Where nothing runs, nothing is left on the machine: no mount, no bridge, no load balancer. */
async function leave(machine: Machine): Promise<void> {
  const ctx = { signal: AbortSignal.timeout(5_000) };
  const running = [...(await machine.runtime.observe(ctx)), ...(await machine.runtime.jobs(ctx))];
  await (running.length === 0 ? machine.clear() : machine.close());
}

function assemble({ home, clock, log, configuration, onStopAsked }: DaemonOptions, journal: Journal, machine: Machine): Parts {
  const { runtime, trials, balancer, images, layers, logs, bake, newerPackages, checkMachine, signer } = machine;
  const executor = new Executor(journal);
  const lineage = openLineage(journal, clock);
  const { revoked } = lineage;
  const engine = new KeptEngine({ runtime, balancer, journal, executor, clock, revoked, drawId });
  const deliver = openWebhooks({ clock, env: process.env });
  const measure = openMeasure(engine);
  const fleets = new Fleets({ journal, executor, engine, clock, revoked, deliver, measure });
  const startedAt = clock.now();
  const gate = createGate(clock);
  const parts: Parts = {
    home,
    clock,
    startedAt,
    journal,
    configuration,
    drift: new Drift({ configuration, fleets, clock, stopping: executor.signal }),
    stopping: executor.signal,
    lineage,
    graph: openImageGraph(images, lineage),
    images,
    layers,
    engine,
    trials,
    balancer,
    fleets,
    waves: new WavesInForce({ journal, executor, fleets, clock }),
    notifier: new Notifier({
      journal,
      clock,
      env: process.env,
      home: home.root,
      homeId: home.id,
      stopping: executor.signal,
      warn: (what) => log.warn(what),
    }),
    bake,
    newerPackages,
    bases: openBaseWatch(() => checkBases(parts, executor.signal)),
    checkMachine,
    signer,
    logs,
    gate,
    registries: openRegistries(home),
    stop: onStopAsked,
  };
  return parts;
}

/** Only the owner may look in: environment values and logs are in there. */
function makeFolders(home: Home): void {
  makeHome(home);
  for (const folder of [home.images, home.layers, home.sealed, home.volumes, home.logs, home.run, home.bake]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  chmodSync(home.root, 0o700);
}

const SUFFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

const drawId = (): string => Array.from({ length: 6 }, () => SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]).join('');
