import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LineageEvent } from './events.ts';
import { foldLineage, replayLineage } from './state.ts';
import { after, imageOf, revoke, set, WEB } from './testing/states.ts';

const step = { key: 'k', service: 'web', folder: '/srv/web', image: imageOf('web'), after: [], channels: [], stuck: null };
const result = { key: 'k', outcome: 'made', image: imageOf('web 2'), why: '', moved: [] } as const;
const events: readonly LineageEvent[] = [
  {
    kind: 'bake.done',
    service: WEB,
    digest: imageOf('web'),
    folder: '/srv/web',
    builtOn: [{ name: 'node:20', digest: imageOf('node') }],
  },
  set('dev', 'web'),
  set('dev', 'web 2'),
  { kind: 'channel.policy', service: WEB, policies: { production: { after: 'dev', soakMs: 0 } } },
  revoke('web', { cascade: true }),
  { kind: 'image.trashed', image: imageOf('old'), tags: [], until: 9 },
  { kind: 'image.restored', image: imageOf('old'), by: 'ada' },
  { kind: 'patch.started', cve: 'CVE-2026-1', images: [imageOf('web')], steps: [step], fleets: [], by: 'ada', glass: null },
  { kind: 'cascade.step', cascade: 8, result },
  { kind: 'cascade.finished', cascade: 8 },
  { kind: 'patch.finished', patch: 8, left: 0 },
  { kind: 'revocation.undone', image: imageOf('web'), by: 'ada', why: 'a mistake' },
];
const at = (index: number): { readonly seq: number; readonly at: number } => ({ seq: index + 1, at: (index + 1) * 1000 });

test('a start comes to the same as one event after the other, and nobody sees a state change', () => {
  const replayed = replayLineage(events.map((event, index) => ({ event, ...at(index) })));
  assert.deepEqual(replayed, after(...events));
  const before = structuredClone(replayed);
  foldLineage(replayed, set('dev', 'web 3'), 99, 99);
  assert.deepEqual(replayed, before);
});

test('a patch keeps what came of its steps after its cascade has ended, and says when it ended itself', () => {
  const { cascade, patches } = after(...events);
  assert.equal(cascade, null);
  const patch = patches.get(8);
  assert.deepEqual([patch?.made.get('k')?.outcome, patch?.finishedAt], ['made', 11_000]);
});
