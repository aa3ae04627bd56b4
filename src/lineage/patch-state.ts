/** Patches as a fold over the journal. Pure. */
import type { LineageEvent } from './events.ts';
import type { Patch } from './patch-steps.ts';

/** By the seq of the entry that started it. */
export type Patches = ReadonlyMap<number, Patch>;

type PatchEvent = Extract<LineageEvent, { kind: 'cascade.step' | `patch.${string}` }>;

/** A step of a cascade that is no patch leaves it as it is. */
export function foldPatch(patches: Patches, event: PatchEvent, seq: number, at: number): Patches {
  if (event.kind === 'patch.started') {
    const { cve, images, steps, fleets, by, glass } = event;
    const nothing = { made: new Map(), rolling: new Map(), ended: new Map(), finishedAt: null };
    return new Map([...patches, [seq, { id: seq, at, cve, images, steps, fleets, by, glass, ...nothing }]]);
  }
  const id = event.kind === 'cascade.step' ? event.cascade : event.patch;
  const patch = patches.get(id);
  return patch === undefined ? patches : new Map([...patches, [id, changed(patch, event, at)]]);
}

function changed(patch: Patch, event: Exclude<PatchEvent, { kind: 'patch.started' }>, at: number): Patch {
  switch (event.kind) {
    case 'cascade.step':
      return { ...patch, made: new Map([...patch.made, [event.result.key, event.result]]) };
    case 'patch.rolling':
      return { ...patch, rolling: new Map([...patch.rolling, [event.fleet, event.release]]) };
    case 'patch.fleet':
      return { ...patch, ended: new Map([...patch.ended, [event.result.fleet, event.result]]) };
    case 'patch.finished':
      return { ...patch, finishedAt: at };
  }
}

/** It exists: ids come from the state itself. */
export function patchOf(patches: Patches, id: number): Patch {
  const patch = patches.get(id);
  if (patch === undefined) throw new RangeError(`no patch ${id}`);
  return patch;
}
