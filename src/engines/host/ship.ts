/**
 * Shipping logs off the instance. The log files are the buffer: what a collector can't take now is read again later, as long
 * as rotation keeps it. How far each log was shipped is written beside it, so a new daemon goes on there; a line may be
 * shipped twice after a crash, none is left out.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { isContainerId, type ContainerId } from '../../domain/ids.ts';
import type { LogShipping } from '../../domain/release.ts';
import { messageOf } from '../../errors/error.ts';
import { readIfThere } from '../../platform/files.ts';
import type { Clock } from '../../platform/clock.ts';
import { followLog, type LogPosition } from './log-follow.ts';
import { isGone } from './logs.ts';
import type { Collector } from './collecting.ts';
import { openCollector } from './collector.ts';
import type { Places } from './places.ts';

interface Shipment {
  readonly ship: LogShipping;
  readonly position: LogPosition | null;
}

export interface Shipping {
  /** Written down when it returns: the log will be shipped, whatever happens to this daemon. */
  begin(id: ContainerId, ship: LogShipping): Promise<void>;
  close(): Promise<void>;
}

interface Surroundings {
  readonly logs: string;
  readonly places: Places;
  readonly clock: Clock;
  readonly report: (message: string) => void;
}

const SHIPMENT = '.shipment';
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;
/** So long a collector has to come back for what an instance that is gone has left. `kiln logs` shows it all the same. */
const PATIENCE_MS = 3_600_000;

/** Goes on with every shipment that an earlier daemon had not finished. */
export async function openShipping(surroundings: Surroundings): Promise<Shipping> {
  const closed = new AbortController();
  const running = new Set<Promise<void>>();
  const start = (id: ContainerId, shipment: Shipment): void => {
    const work = shipLog(surroundings, id, shipment, closed.signal)
      .catch((error: unknown) => {
        if (!closed.signal.aborted) surroundings.report(`shipping the log of ${id}: ${messageOf(error)}`);
      })
      .finally(() => running.delete(work));
    running.add(work);
  };
  for (const [id, shipment] of await unfinished(surroundings.logs)) start(id, shipment);
  return {
    begin: async (id, ship) => {
      const path = surroundings.places.log(id);
      await mkdir(dirname(path), { recursive: true });
      await writeShipment(path, { ship, position: null });
      start(id, { ship, position: null });
    },
    close: async () => {
      closed.abort();
      await Promise.all(running);
    },
  };
}

async function shipLog(surroundings: Surroundings, id: ContainerId, shipment: Shipment, signal: AbortSignal): Promise<void> {
  const path = surroundings.places.log(id);
  const collector = openCollector(shipment.ship, id);
  const isOver = (): Promise<boolean> => isGone(surroundings.places.instance(id));
  try {
    for await (const { lines, position } of followLog(path, { from: shipment.position, isOver, signal })) {
      if (lines.length > 0) await sendSurely(surroundings, id, { send: () => collector.send(lines, signal), isOver, signal });
      await writeShipment(path, { ship: shipment.ship, position });
    }
    if (!signal.aborted) await rm(`${path}${SHIPMENT}`, { force: true });
  } catch (error) {
    if (error instanceof GivenUp) await rm(`${path}${SHIPMENT}`, { force: true });
    throw error;
  } finally {
    collector.close();
  }
}

interface Sending {
  readonly send: () => ReturnType<Collector['send']>;
  /** The instance is gone. */
  readonly isOver: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

class GivenUp extends Error {}

/** Tries until it works, the daemon ends, or the instance has been gone for long; says so once. */
async function sendSurely({ clock, report }: Surroundings, id: ContainerId, { send, isOver, signal }: Sending): Promise<void> {
  let goneSince: number | null = null;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      const lost = await send();
      if (lost !== null) report(`the log of ${id}: ${lost}`);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (waitMs === FIRST_WAIT_MS) report(`the log of ${id} can't be shipped for now: ${messageOf(error)}`);
    }
    if (await isOver()) goneSince ??= clock.now();
    if (goneSince !== null && clock.now() - goneSince >= PATIENCE_MS) {
      throw new GivenUp('its instance has been gone for an hour, and the rest of it is given up; `kiln logs` still shows it');
    }
    await clock.sleep(waitMs, signal);
  }
}

async function writeShipment(log: string, shipment: Shipment): Promise<void> {
  await writeFile(`${log}${SHIPMENT}.new`, JSON.stringify(shipment), { mode: 0o600 });
  await rename(`${log}${SHIPMENT}.new`, `${log}${SHIPMENT}`);
}

async function unfinished(logs: string): Promise<readonly (readonly [ContainerId, Shipment])[]> {
  const names = await readdir(logs, { recursive: true }).catch(() => []);
  const found: (readonly [ContainerId, Shipment])[] = [];
  for (const name of names.filter((file) => file.endsWith(`.log${SHIPMENT}`))) {
    const id = name.split('/').at(-1)?.slice(0, -`.log${SHIPMENT}`.length) ?? '';
    const text = await readIfThere(join(logs, name));
    if (isContainerId(id) && text !== null) found.push([id, JSON.parse(text) as Shipment]);
  }
  return found;
}
