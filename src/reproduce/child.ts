/**
 * The second bake, in a process of its own: `kiln bake-elsewhere`, started by `bakeElsewhere` only. Reads one request from
 * standard input; writes events and at the end the digest or the error, one JSON document a line.
 */
import { text } from 'node:stream/consumers';

import { bake } from '../bake/bake.ts';
import type { BakeEvent, BakeLineage, Surroundings } from '../bake/contract.ts';
import type { Revision } from '../bake/git.ts';
import type { Digest } from '../domain/digest.ts';
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { openLayerMounts } from '../linux/layers.ts';
import { openImageStore } from '../oci/layout.ts';
import { systemClock } from '../platform/clock.ts';
import { kilnHome } from '../platform/home.ts';

export interface ChildRequest {
  readonly home: string;
  readonly recipe: Recipe | DockerfileRecipe;
  readonly service: string;
  readonly revision: Revision | null;
  readonly umask: number;
  readonly surroundings: Surroundings;
}

export type ChildLine =
  | { readonly event: BakeEvent }
  | { readonly digest: Digest }
  | { readonly error: { readonly code: KilnError['code']; readonly message: string; readonly hint: string } };

/** The exit code: 0 also for a bake that failed, which the last line says. */
export async function runChild(): Promise<number> {
  const request = JSON.parse(await text(process.stdin)) as ChildRequest;
  process.umask(request.umask);
  try {
    say({ digest: await bakeHere(request) });
  } catch (error) {
    const { code, message, hint } = error instanceof KilnError ? error : bug(error);
    say({ error: { code, message, hint } });
  }
  return 0;
}

async function bakeHere({ home: root, recipe, service, revision, surroundings }: ChildRequest): Promise<Digest> {
  const home = kilnHome({ KILN_HOME: root }, 0);
  const store = await openImageStore(home.images);
  const layers = openLayerMounts(home, store, 'folders');
  const { signal } = new AbortController();
  const deps = { store, home, layers, clock: systemClock, lineage: LOCKED, signal, onEvent: tell, surroundings };
  return (await bake(recipe, deps, { service, version: null, revision, update: false })).digest;
}

const say = (line: ChildLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** What channels hold is in kiln.lock by now, and what is built on was told by the first bake. */
const LOCKED: BakeLineage = {
  heldBy: (service, channel) => {
    throw new KilnError('BASE_UNAVAILABLE', `kiln.lock has no image for ${service}.${channel}`, {
      hint: 'bake once without --verify',
    });
  },
  onBase: () => {},
};

const tell = (event: BakeEvent): void => say({ event });

const bug = (error: unknown): KilnError => new KilnError('BUG', messageOf(error), { hint: 'please report this', cause: error });
