import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetId } from '../../domain/ids.ts';
import { fakeTerminal, fleet, group, NOW } from '../testing/fakes.ts';
import { changeLines, configurationLines, driftLines } from './configuration.ts';
import { fleetLines, fleetsLines } from './fleet.ts';

const terminal = fakeTerminal();
const pin = (version: string | null, fingerprint = 'e0e1e2e3e4e5') => ({ version, fingerprint });
const reference = (to: string, from: string, version: string | null = '5') => ({ to, from, pin: pin(version) });
const changed = { ...reference('URL', 'etcd://url'), state: 'changed' as const, now: pin('7', 'f0'), why: null };
const gone = { ...reference('KEY', 'etcd://key'), state: 'gone' as const, now: null, why: null };
const anew = { ...reference('A', 'etcd://a'), state: 'changed' as const, now: pin('5', 'f0'), why: null };
const same = { ...reference('B', 'etcd://b'), state: 'same' as const, now: pin('5'), why: null };
const unknown = { ...reference('C', 'env://C', null), state: 'unknown' as const, now: null, why: 'only who deploys has it' };

test('drift says what is there, what the release has, and what to do', () => {
  assert.deepEqual(driftLines(fleet({ drift: [changed, gone, anew] }), terminal), [
    '  ● URL has drifted: etcd://url is at version 7; the release has version 5',
    '  ● KEY has drifted: etcd://key is gone; the release has version 5, kept sealed',
    '  ● A has drifted: etcd://a has another value in version 5',
    '    kiln config web · kiln deploy makes a release of what is there now',
  ]);
  assert.deepEqual(driftLines(fleet(), terminal), []);
});

test('a fleet that has drifted is shown whole, also among others', () => {
  const around = { terminal, now: NOW };
  const drifted = fleet({ drift: [changed], groups: [group(7)] });
  assert.match(fleetLines(drifted, around).join('\n'), /● URL has drifted/);
  assert.match(fleetsLines([drifted], around).join('\n'), /● URL has drifted/);
  assert.doesNotMatch(fleetsLines([fleet()], around).join('\n'), /drifted/);
});

test('a change is a version, a reference, or a name that comes or goes', () => {
  const was = reference('URL', 'etcd://url', '5');
  const is = { ...reference('URL', 'etcd://url'), pin: pin('7', 'f0f1f2f3f4') };
  assert.deepEqual(
    changeLines(
      [
        { to: 'URL', was, is },
        { to: 'URL', was, is: { ...is, from: 'vault://secret/url' } },
        { to: 'NEW', was: null, is: reference('NEW', 'env://NEW', null) },
        { to: 'OLD', was: reference('OLD', 'secretsmanager://old', '0f1e2d3c-4b5a-6978'), is: null },
      ],
      terminal,
    ),
    [
      '  ~ URL   etcd://url   version 5 → version 7',
      '  ~ URL   etcd://url (version 5) → vault://secret/url (version 7)',
      '  + NEW   env://NEW   value e0e1e2e3',
      '  - OLD   secretsmanager://old   version 0f1e2d3c…',
    ],
  );
});

test('each reference with the version of the release and that of its source', () => {
  const answer = { fleet: 'web.local' as FleetId, release: group(7).release, references: [changed, gone, anew, same, unknown] };
  assert.deepEqual(configurationLines(answer, terminal), [
    'web.local   r7',
    '  ● URL   etcd://url   is at version 7; the release has version 5',
    '  ● KEY   etcd://key   is gone; the release has version 5, kept sealed',
    '  ● A     etcd://a   has another value in version 5',
    '  ✓ B     etcd://b   version 5',
    '  · C     env://C   value e0e1e2e3; only who deploys has it',
    '    kiln deploy makes a release of what is there now',
  ]);
  assert.deepEqual(configurationLines({ ...answer, references: [] }, terminal), [
    'web.local   r7',
    'Nothing of its configuration is kept elsewhere.',
  ]);
});
