/** A daemon's fleets over the simulated engine without faults: for whole stories, and for measurements. */
import { fleetOf, releaseOf, type FleetId } from '../../src/domain/ids.ts';
import { createSimWorld, type SimWorld, type SimWorldOptions } from '../../src/engines/sim/world.ts';
import type { Deliver } from '../../src/execute/deliver.ts';
import { Executor } from '../../src/execute/executor.ts';
import { Fleets } from '../../src/execute/fleets.ts';
import { KeptEngine } from '../../src/execute/kept-engine.ts';
import type { Measure } from '../../src/execute/measure.ts';
import { measureByCommand } from '../../src/measure/measure.ts';
import { MemoryJournal } from '../../src/store/memory.ts';

export interface Simulated {
  readonly world: SimWorld;
  readonly fleets: Fleets;
  readonly engine: KeptEngine;
  readonly journal: MemoryJournal;
  /**
   * The loops run; time goes on from change to change, until the condition holds or `limitMs` are over. Whether it holds.
   * It is asked after each change, not in between.
   */
  run(limitMs: number, holds?: (changed: FleetId | null) => boolean): Promise<boolean>;
}

const revoked = (): null => null;

/** What the daemon has in its hands. */
export type Held = Pick<SimWorld, 'runtime' | 'balancer'>;

export interface SimulateOptions {
  /** What the daemon gets instead of the world's own, to watch what it asks. */
  readonly held?: (world: SimWorld) => Held;
  readonly world?: Omit<SimWorldOptions, 'seed'>;
}

const asItIs = (world: SimWorld): Held => world;

/** The loops are started by `fleets.start()`. */
export function simulate(seed: number, { held = asItIs, world: traits = {} }: SimulateOptions = {}): Simulated {
  const world = createSimWorld({ ...traits, seed });
  const { clock } = world;
  const { runtime, balancer } = held(world);
  const journal = new MemoryJournal({ now: () => clock.now(), hashing: false });
  const executor = new Executor(journal);
  let drawn = 0;
  const drawId = (): string => (drawn++).toString(36).padStart(6, '0');
  const engine = new KeptEngine({ runtime, balancer, journal, executor, clock, revoked, drawId });
  const deliver: Deliver = ({ id, notice }, withinMs, ctx) => world.deliver(notice.image, id, withinMs, ctx);
  const measure: Measure = async (source, group, _withinMs, ctx) => {
    if (source.kind === 'command') return measureByCommand(source, group, (command) => engine.output(group, command, ctx));
    const release = fleets.state(fleetOf(group)).releases[releaseOf(group) - 1];
    return release === undefined ? null : world.measure(release.content.image, ctx);
  };
  const fleets: Fleets = new Fleets({ journal, executor, engine, clock, revoked, deliver, measure });
  return { world, fleets, engine, journal, run: (limitMs, holds) => run(world, limitMs, holds ?? (() => false)) };
}

async function run({ clock, runtime }: SimWorld, limitMs: number, holds: (changed: FleetId | null) => boolean): Promise<boolean> {
  let changed: FleetId | null = null;
  const stop = runtime.onChange((fleet) => {
    changed = fleet;
  });
  try {
    for (const end = clock.now() + limitMs; ;) {
      // Whatever was woken runs to its next wait.
      await clock.finish(Promise.resolve());
      if (holds(changed)) return true;
      if (clock.now() >= end) return false;
      changed = null;
      await clock.advance(end - clock.now(), () => changed !== null || holds(null));
    }
  } finally {
    stop();
  }
}
