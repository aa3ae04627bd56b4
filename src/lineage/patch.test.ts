import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber, ServiceName } from '../domain/ids.ts';
import type { BuiltOn, LineageEvent } from './events.ts';
import { endingOf } from './patch-ending.ts';
import { planPatch, type PatchInput, type PatchPlan } from './patch.ts';
import type { LineageState } from './state.ts';
import { after, imageOf, set } from './testing/states.ts';

/** A bake of a service of that name in its folder, on `[name of the base, its image]`; `web 2`: its second image. */
const bake = (name: string, ...on: readonly (readonly [string, string])[]): LineageEvent => bakeIn(serviceIn(name), name, ...on);
const serviceIn = (name: string): string => name.split(' ')[0] ?? '';
const bakeIn = (folder: string, name: string, ...on: readonly (readonly [string, string])[]): LineageEvent => ({
  kind: 'bake.done',
  service: serviceIn(name) as ServiceName,
  digest: imageOf(name),
  folder: `/srv/${folder}`,
  builtOn: on.map(([base, image]): BuiltOn => ({ name: base, digest: imageOf(image) })),
});

const hold = (channel: string, name: string): LineageEvent => {
  const [service = '', own = ''] = channel.split('.');
  return set(own, name, { service: service as ServiceName });
};

interface World {
  readonly state: LineageState;
  /** Images that have it, with what has no fixed version. */
  readonly affected: Readonly<Record<string, readonly string[]>>;
  /** `web.production` → the image that it serves, and what else runs in it. */
  readonly fleets?: Readonly<Record<string, readonly string[]>>;
  /** Folders that are of no use any more. */
  readonly gone?: readonly string[];
  readonly environments?: Readonly<Record<string, string | null>>;
}

function plan({ state, affected, fleets = {}, gone = [], environments = {} }: World): PatchPlan {
  const all = new Map(Object.entries(affected).map(([name, packages]) => [imageOf(name), packages]));
  const input: PatchInput = {
    state,
    parents: new Map(
      [...state.builtOn].map(([image, bases]): [Digest, readonly Digest[]] => [image, bases.map(({ digest }) => digest)]),
    ),
    affected: all,
    usable: new Set([...state.builtOn.keys()].filter((image) => !all.has(image))),
    sources: new Map(
      [...state.lines].map(([key, { folder }]) => [
        key,
        { trouble: gone.includes(folder) ? `${folder} is gone` : null, environments: new Map(Object.entries(environments)) },
      ]),
    ),
    fleets: Object.entries(fleets).map(([fleet, [image = '', ...others]]) => ({
      fleet: fleet as FleetId,
      release: 1 as ReleaseNumber,
      image: imageOf(image),
      runs: [image, ...others].map(imageOf),
    })),
  };
  return planPatch(input);
}

const steps = (plan: PatchPlan): readonly unknown[] =>
  plan.steps.map(({ service, channels, stuck }) => [service, channels, stuck]);

test('what runs is made again after the bases that have it, and what nobody uses is left', () => {
  const state = after(
    bake('base', ['debian:bookworm', 'debian']),
    hold('base.stable', 'base'),
    bake('web', ['channel:base.stable', 'base']),
    bake('idle', ['channel:base.stable', 'base']),
    bake('apart', ['node:20', 'node']),
  );
  const planned = plan({
    state,
    affected: { debian: [], base: [], web: [], idle: [] },
    fleets: { 'web.local': ['web'], 'apart.local': ['apart'] },
  });
  assert.deepEqual(steps(planned), [
    ['base', ['base.stable'], null],
    ['web', [], null],
  ]);
  assert.deepEqual(planned.steps[1]?.after, ['/srv/base\nbase']);
  assert.deepEqual(
    planned.fleets.map(({ fleet, key, stuck }) => [fleet, key, stuck]),
    [['web.local', '/srv/web\nweb', null]],
  );
});

test('an older image that runs or is held is replaced by the newest of its line, which is not baked where it is mended', () => {
  const state = after(bake('web'), hold('web.production', 'web'), bake('web 2'), hold('web.dev', 'web 2'));
  const planned = plan({ state, affected: { web: [] }, fleets: { 'web.production': ['web'] } });
  assert.deepEqual(steps(planned), [['web', ['web.production'], null]]);
  assert.equal(planned.steps[0]?.image, imageOf('web 2'));
});

test('no fixed version, a pinned base and a lost source stop a branch, each in its own words', () => {
  const state = after(
    bake('base', ['debian:bookworm', 'debian']),
    bake('web', ['image:base:1', 'base']),
    bake('api'),
    bake('lost'),
  );
  const affected = { base: [], web: [], api: ['libfoo 1.2'], lost: [] };
  const fleets = { 'web.local': ['web'], 'api.local': ['api'], 'lost.local': ['lost'] };
  const stuck = new Map(
    plan({ state, affected, fleets, gone: ['/srv/lost'] }).steps.map((step) => [step.service, step.stuck ?? '']),
  );
  assert.equal(stuck.get('base'), '');
  assert.match(stuck.get('web') ?? '', /names image:base:1, which never moves/);
  assert.equal(stuck.get('api'), 'no fixed version available yet of libfoo 1.2');
  assert.equal(stuck.get('lost'), '/srv/lost is gone');
});

test('a service whose folder is gone is made where it was baked since', () => {
  const state = after(bakeIn('old', 'web'), bakeIn('new', 'web 2'), bakeIn('other', 'api'));
  const planned = plan({ state, affected: { web: [] }, fleets: { 'web.local': ['web'] }, gone: ['/srv/old'] });
  assert.deepEqual(
    planned.steps.map(({ folder, stuck }) => [folder, stuck]),
    [['/srv/new', null]],
  );
  assert.equal(planned.fleets[0]?.key, '/srv/new\nweb');
});

test('an image that was not baked here, and an environment that is gone from kiln.yaml, are for a person', () => {
  const state = after(bake('web'));
  const planned = plan({
    state,
    affected: { web: [], pulled: [] },
    fleets: { 'web.old': ['web'], 'other.local': ['pulled'] },
    environments: { local: null },
  });
  const stuck = new Map(planned.fleets.map(({ fleet, stuck }) => [fleet as string, stuck]));
  assert.match(stuck.get('other.local') ?? '', /was not baked on this machine; pull a mended one/);
  assert.match(stuck.get('web.old') ?? '', /kiln.yaml in \/srv\/web has no environment old any more/);
});

test('a fleet that is mended already only waits for what it replaced', () => {
  const state = after(bake('web'), bake('web 2'));
  const planned = plan({ state, affected: { web: [] }, fleets: { 'web.local': ['web 2', 'web'] } });
  assert.deepEqual(planned.steps, []);
  assert.deepEqual(
    planned.fleets.map(({ key, stuck }) => [key, stuck]),
    [[null, null]],
  );
});

test('fleets take their turn as channels take images from each other', () => {
  const policies = { production: { after: 'staging', soakMs: 0 }, staging: { after: 'dev', soakMs: 0 } };
  const state = after(bake('web'), { kind: 'channel.policy', service: 'web' as ServiceName, policies });
  const environments = { production: 'production', local: null, staging: 'staging' };
  const planned = plan({
    state,
    affected: { web: [] },
    fleets: { 'web.production': ['web'], 'web.local': ['web'], 'web.staging': ['web'] },
    environments,
  });
  assert.deepEqual(
    planned.fleets.map(({ fleet }) => fleet),
    ['web.local', 'web.staging', 'web.production'],
  );
});

test('how a rollout ended, whatever came between', () => {
  const view = { serving: 2, affected: false, phase: null, reason: 'deadline' } as const;
  assert.equal(endingOf({ ...view, phase: 'advancing' }), null);
  assert.equal(endingOf({ ...view, phase: 'restoring', affected: true }), null);
  assert.equal(endingOf(view)?.outcome, 'mended');
  assert.deepEqual(endingOf({ ...view, affected: true }), { outcome: 'rolled-back', why: 'deadline; r2 serves' });
  assert.deepEqual(endingOf({ ...view, serving: null }), { outcome: 'rolled-back', why: 'deadline; nothing serves' });
  assert.equal(endingOf({ ...view, phase: 'attention' })?.outcome, 'attention');
});
