import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GateReportBody } from '../client/client.ts';
import { sarifOf } from './sarif.ts';

const finding: GateReportBody['findings'][number] = {
  gate: 'secrets',
  rule: 'private-key',
  severity: 'critical',
  what: 'a key',
  where: { path: '/etc/a b/\u001b[31m\ud800', layer: null, line: 3 },
  fix: 'take it out',
  fingerprint: '0123456789abcdef',
  blocks: true,
  waiver: null,
};
const report = (...findings: readonly GateReportBody['findings'][number][]): GateReportBody => ({
  gate: 'secrets',
  verdict: 'fail',
  why: '',
  ms: 1,
  findings,
  predicates: [],
});

interface Sarif {
  readonly version: string;
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly {
      readonly ruleIndex: number;
      readonly level: string;
      readonly locations: readonly {
        readonly physicalLocation: { readonly artifactLocation: { readonly uri: string; readonly uriBaseId: string } };
      }[];
      readonly suppressions?: readonly { readonly justification: string }[];
    }[];
  }[];
}

test('each finding is a result of its rule, at a place that is a URI, and a waived one is suppressed', () => {
  const waived = {
    ...finding,
    rule: 'jwt',
    where: { path: null, layer: null },
    waiver: { reason: 'known', until: '2027-01-31' },
  };
  const { version, runs } = sarifOf([report(finding, { ...finding, fingerprint: 'f' }, waived)], '1.0.0') as Sarif;
  const [run] = runs;
  assert.equal(version, '2.1.0');
  assert.deepEqual(
    run?.tool.driver.rules.map(({ id }) => id),
    ['secrets/private-key', 'secrets/jwt'],
  );
  assert.deepEqual(
    run?.results.map(({ ruleIndex, level }) => [ruleIndex, level]),
    [
      [0, 'error'],
      [0, 'error'],
      [1, 'error'],
    ],
  );
  const places = run?.results.map(({ locations }) => locations[0]?.physicalLocation.artifactLocation);
  assert.deepEqual(places?.[0], { uri: 'etc/a%20b/%1B%5B31m%EF%BF%BD', uriBaseId: 'IMAGE' });
  assert.deepEqual(places?.[2], { uri: 'kiln.yaml', uriBaseId: 'SRCROOT' });
  assert.deepEqual(
    run?.results.map(({ suppressions }) => suppressions?.[0]?.justification),
    [undefined, undefined, 'known'],
  );
});
