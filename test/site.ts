/** One service on the simulated engine, for stories of rollouts. */
import assert from 'node:assert/strict';

import type { SimWorld } from '../src/engines/sim/world.ts';
import type { Fleets } from '../src/execute/fleets.ts';
import type { MemoryJournal } from '../src/store/memory.ts';
import { contentOf, FLEET, imageOf, type ReleaseTraits } from './simulation/releases.ts';
import { simulate } from './simulation/simulated.ts';

export interface Site {
  readonly world: SimWorld;
  readonly fleets: Fleets;
  readonly journal: MemoryJournal;
  deploy(image: string, traits?: ReleaseTraits, size?: number): void;
  /** Ticks until the condition holds, at most ten simulated minutes. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Instances by release. */
  running(): Record<string, number>;
  /** What the last plan waits for. */
  waits(): readonly string[];
  /** The release serves, and no rollout is under way. */
  serves(release: number): boolean;
}

export function site(): Site {
  const { world, fleets, journal } = simulate(7);
  const { clock } = world;
  return {
    world,
    fleets,
    journal,
    deploy(image, traits = {}, size = 3) {
      fleets.deploy({ content: contentOf(imageOf(image), traits), size, bounds: null, label: image, by: 'test' });
    },
    async until(what, holds) {
      for (let step = 0; step < 12_000; step++) {
        await clock.finish(fleets.tickAll());
        if (holds()) return;
        await clock.advance(50);
      }
      const entries = journal.snapshot().map((entry) => `${entry.kind} ${JSON.stringify(entry.data)}`);
      assert.fail(`not within ten minutes: ${what}\n${entries.slice(-30).join('\n')}\n${fleets.fleet(FLEET).trouble}`);
    },
    running() {
      const counts: Record<string, number> = {};
      for (const each of world.instances()) {
        const release = each.id.split('.')[2] ?? '';
        counts[release] = (counts[release] ?? 0) + 1;
      }
      return counts;
    },
    waits: () => fleets.fleet(FLEET).last?.plan.waits.map(({ what }) => what) ?? [],
    serves(release) {
      const state = fleets.state(FLEET);
      return state.serving === release && state.rollout === null;
    },
  };
}
