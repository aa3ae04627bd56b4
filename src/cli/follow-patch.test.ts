/** `kiln patch` as a command, over a client that tells the history of one patch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PatchPlanBody, PatchStatusBody } from '../client/client.ts';
import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import { argumentsOf } from './arguments.ts';
import { run } from './commands/patch.ts';
import { widthOf } from './terminal.ts';
import { fakeContext, fakeTerminal, NOW } from './testing/fakes.ts';

const IMAGE = `sha256:${'4f1c9ab2'.repeat(8)}` as Digest;
const step = {
  key: '/srv/web\nweb',
  service: 'web',
  folder: '/srv/web',
  image: IMAGE,
  after: [],
  channels: ['web.production'],
  stuck: null,
};
const fleet = {
  fleet: 'web.production' as FleetId,
  release: 7 as ReleaseNumber,
  image: IMAGE,
  key: step.key,
  folder: '/srv/web',
  channel: 'production',
  stuck: null,
};
const left = { fleet: fleet.fleet, release: 7, image: IMAGE, instances: 3, warmUntil: NOW + 60_000 };
const lodash = {
  type: 'npm',
  name: 'lodash',
  installed: '4.17.20',
  fixed: '4.17.21',
  severity: 'high',
  summary: 'a mistake in \u001b[31mlodash',
  base: null,
};
const plan: PatchPlanBody = {
  cve: 'CVE-2026-1',
  images: [{ image: IMAGE, tags: ['web:1'], packages: [lodash], channels: ['web.production'], fleets: [fleet.fleet] }],
  steps: [{ ...step, mended: false }],
  fleets: [fleet],
  left: [{ ...left, warmUntil: null }],
  harmless: [],
  unjudged: [],
  doubts: [],
};
const result = { key: step.key, outcome: 'made' as const, image: IMAGE, why: '', moved: ['web.production'] };
const rollout = {
  fleet: fleet.fleet,
  outcome: 'mended' as PatchStatusBody['rollouts'][number]['outcome'],
  release: 8 as ReleaseNumber,
  why: '',
};
const status = (change: Partial<PatchStatusBody>): PatchStatusBody => ({
  id: 5,
  cve: 'CVE-2026-1',
  by: 'ada',
  startedAt: NOW,
  finishedAt: NOW,
  steps: [step],
  results: [result],
  fleets: [fleet],
  rollouts: [rollout],
  left: [],
  ...change,
});

const HISTORY = [
  { kind: 'bake.started', fleet: null, data: { service: 'web', folder: '/srv/web' } },
  {
    kind: 'cascade.step',
    fleet: null,
    data: { cascade: 5, result: { ...result, mended: [{ name: 'lodash', from: '4.17.20', to: '4.17.21' }] } },
  },
  { kind: 'patch.rolling', fleet: null, data: { patch: 5, fleet: fleet.fleet, release: 8 } },
  { kind: 'canary.passed', fleet: fleet.fleet, data: { next: 1, why: 'judged' } },
  { kind: 'canary.passed', fleet: 'other.local', data: { next: 1, why: 'judged' } },
  { kind: 'patch.fleet', fleet: null, data: { patch: 5, result: rollout } },
  { kind: 'patch.finished', fleet: null, data: { patch: 4, left: 0 } },
  { kind: 'patch.finished', fleet: null, data: { patch: 5, left: 0 } },
];

/** `atEnd`: what is told once it has ended. */
const clientOf = (atEnd: Partial<PatchStatusBody>, planned: Partial<PatchPlanBody> = {}) => {
  let asked = 0;
  return {
    planPatch: async () => ({ ...plan, ...planned }),
    patch: async () => ({ id: planned.fleets?.length === 0 ? null : 5, joined: false, plan: { ...plan, ...planned } }),
    // The first to ask is the line of the fleet: its way back is still kept.
    patchStatus: async () => (asked++ === 0 ? status({ finishedAt: null, left: [left] }) : status(atEnd)),
    events: async function* () {
      for (const [index, entry] of HISTORY.entries()) yield { seq: 6 + index, at: NOW, hash: IMAGE, prev: IMAGE, ...entry };
    },
  };
};

async function patch(client: object, flags: Readonly<Record<string, boolean>> = {}) {
  const terminal = fakeTerminal();
  const answer = await run(argumentsOf({ CVE: 'CVE-2026-1' }, flags), fakeContext(client, { terminal }));
  const lines = [...terminal.written.join('').split('\n'), ...answer.lines].filter((line) => line !== '');
  for (const line of lines) assert.ok(widthOf(line) > 0);
  return { exit: answer.exitCode ?? 0, lines };
}

test('a patch tells what has it, each step, each fleet, what is waited for, and that none is left', async () => {
  const { exit, lines } = await patch(clientOf({}));
  assert.equal(exit, 0);
  assert.deepEqual(lines, [
    'CVE-2026-1   lodash 4.17.20: mended in 4.17.21 (high)',
    '    a mistake in lodash',
    '1 image of this machine has it; 3 instances in 1 fleet run with it.',
    '  ● web   is baked again in /srv/web',
    '  ✓ web   made   image 4f1c9ab2   held by web.production   lodash 4.17.20 → 4.17.21',
    '  ● web.production → r8 is rolled out',
    '    web.production: step 1 passed (judged)',
    '  ✓ web.production r8   serves',
    '  ● web.production r7: 3 instances with it, kept as the way back for 1 m 0 s more',
    'No instance with CVE-2026-1 is left.',
    '    commit the kiln.lock files that moved',
  ]);
});

test('what is left ends with 4, and a rollout that nobody took back with 5', async () => {
  const rolledBack = { rollouts: [{ ...rollout, outcome: 'rolled-back' as const }], left: [{ ...left, warmUntil: null }] };
  const four = await patch(clientOf(rolledBack));
  assert.equal(four.exit, 4);
  assert.deepEqual(four.lines.slice(-4), [
    '3 instances with CVE-2026-1 are left:',
    '  ● web.production r7: 3 instances with it',
    '    commit the kiln.lock files that moved',
    '    see to what is said above, then: kiln patch CVE-2026-1',
  ]);
  assert.equal((await patch(clientOf({ results: [{ ...result, outcome: 'failed' }] }))).exit, 4);
  assert.equal((await patch(clientOf({ rollouts: [{ ...rollout, outcome: 'attention' }] }))).exit, 5);
});

test('a plan says what would be done and changes nothing; where nothing is affected there is nothing to do', async () => {
  const planned = await patch(clientOf({}), { plan: true });
  assert.equal(planned.exit, 3);
  assert.match(planned.lines.join('\n'), /1 {2}web +4f1c9ab2 +baked again in \/srv\/web; then web\.production/);
  assert.match(planned.lines.join('\n'), /web\.production +r7 +3 +rolled out of production/);
  const pulled = { image: IMAGE, tags: [], packages: [lodash], channels: ['base.stable'], fleets: [] };
  const held = await patch(clientOf({}, { images: [...plan.images, pulled] }), { plan: true });
  assert.match(held.lines.join('\n'), /✗ base\.stable: image 4f1c9ab2 was not baked on this machine/);
  const nothing = await patch(clientOf({}, { images: [], steps: [], fleets: [], left: [] }));
  assert.deepEqual(nothing, { exit: 0, lines: ['CVE-2026-1: no image here has it.'] });
});
