import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GateName } from '../domain/gate.ts';
import { KilnError } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import type { Finding, Gate, GateEvent, GateResult } from './contract.ts';
import { runGates } from './run.ts';
import { subjectOf } from './testing/subject.ts';

const finding = (change: Partial<Finding> = {}): Finding => ({
  gate: 'lint',
  rule: 'a-rule',
  severity: 'high',
  what: 'something is wrong',
  where: { path: null, layer: null },
  fix: 'mend it',
  fingerprint: 'f00d',
  blocks: true,
  waiver: null,
  ...change,
});

const gate = (
  name: GateName,
  result: Partial<GateResult> | (() => Promise<GateResult>),
  needs: readonly GateName[] = [],
): Gate => ({
  name,
  needs,
  run: typeof result === 'function' ? result : async () => ({ findings: [], why: 'fine', predicates: [], ...result }),
});

async function run(...gates: readonly Gate[]) {
  const events: GateEvent[] = [];
  const result = await runGates(gates, subjectOf(), { clock: systemClock, onEvent: (event) => events.push(event) });
  return { ...result, events, verdicts: result.reports.map(({ verdict }) => verdict) };
}

test('a finding that blocks fails its gate and all; one that does not, does not', async () => {
  const { verdict, verdicts } = await run(gate('lint', { findings: [finding({ blocks: false })] }), gate('secrets', {}));
  assert.deepEqual([verdict, verdicts], ['pass', ['pass', 'pass']]);
  const failed = await run(gate('lint', { findings: [finding()] }), gate('secrets', {}));
  assert.deepEqual([failed.verdict, failed.verdicts], ['fail', ['fail', 'pass']]);
});

test('each gate says that it starts and how it ended, in order', async () => {
  const { events } = await run(gate('lint', { findings: [finding()] }), gate('secrets', {}));
  assert.deepEqual(
    events.map((event) => (event.kind === 'gate.done' ? [event.gate, event.verdict, event.findings] : [event.gate])),
    [['lint'], ['lint', 'fail', 1], ['secrets'], ['secrets', 'pass', 0]],
  );
});

test('a gate that could not do its work fails, says why, and those that need it are skipped', async () => {
  const broken = gate('sbom', async () => {
    throw new KilnError('LAYER_UNSAFE', 'the layer expands without end', { hint: 'bake it anew' });
  });
  const { verdict, reports, verdicts } = await run(broken, gate('vulnerabilities', {}, ['sbom']), gate('test', {}));
  assert.deepEqual([verdict, verdicts], ['fail', ['fail', 'skipped', 'pass']]);
  assert.equal(reports[0]?.why, 'the layer expands without end; bake it anew');
  assert.equal(reports[1]?.why, 'it needs sbom, which has no result');
});

test('a gate that found something has a result, for those that need it', async () => {
  const found = gate('sbom', { findings: [finding({ gate: 'sbom' })] });
  assert.deepEqual((await run(found, gate('vulnerabilities', {}, ['sbom']))).verdicts, ['fail', 'pass']);
});

test('a bug in a gate is no verdict', async () => {
  const bug = gate('lint', async () => {
    throw new TypeError('undefined is not a function');
  });
  await assert.rejects(run(bug), TypeError);
});

test('a cancelled bake asks no further gate', async () => {
  const cancel = new AbortController();
  const asked: string[] = [];
  const first = gate('lint', async () => {
    cancel.abort(new Error('gone'));
    return { findings: [], why: '', predicates: [] };
  });
  const second = gate('secrets', async () => {
    asked.push('secrets');
    return { findings: [], why: '', predicates: [] };
  });
  const watch = { clock: systemClock, onEvent: () => {} };
  await assert.rejects(runGates([first, second], subjectOf({ signal: cancel.signal }), watch), /gone/);
  assert.deepEqual(asked, []);
});
