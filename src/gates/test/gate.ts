/** The gate `test`: the tests of the recipe on a booted instance of that very image, read-only as in production. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { hexOf } from '../../domain/digest.ts';
import type { ImageTest } from '../../domain/image-test.ts';
import { canonicalJson, type Json } from '../../domain/json.ts';
import type { Clock } from '../../platform/clock.ts';
import { isThere, writeFileAtomic } from '../../platform/files.ts';
import type { Finding, Gate, GateResult, GateSubject } from '../contract.ts';
import { findingOf } from '../finding.ts';
import { check } from './check.ts';
import type { Trials } from './trial.ts';

/** https://in-toto.io/attestation/test-result/v0.1 */
const TEST_RESULT = 'https://in-toto.io/attestation/test-result/v0.1';

export function testGate(trials: Trials, clock: Clock): Gate {
  return { name: 'test', run: (subject) => run(subject, trials, clock) };
}

async function run(subject: GateSubject, trials: Trials, clock: Clock): Promise<GateResult> {
  const { tests } = subject;
  if (tests.length === 0) return { findings: [], why: 'image.test of kiln.yaml names no test', skipped: true, predicates: [] };
  const kept = passedBefore(subject);
  const known = kept !== null && (await isThere(kept));
  const findings = known ? [] : await runTests(subject, trials, clock);
  if (!known && kept !== null && findings.length === 0) await writeFileAtomic(kept, '{}');
  const passed = tests.length - findings.length;
  const why = `${passed} of ${tests.length} tests passed${known ? ', when this image was tested before' : ''}`;
  return { findings, why, predicates: [{ type: TEST_RESULT, content: resultOf(subject, findings) }] };
}

async function runTests(subject: GateSubject, trials: Trials, clock: Clock): Promise<readonly Finding[]> {
  const { tests, launch, recipe, signal, policy } = subject;
  const content = launch();
  await using trial = await trials.boot(content, signal);
  const around = { inside: trial.inside, port: content.routing.port, folder: recipe.folder, clock, signal };
  const findings: Finding[] = [];
  for (const test of tests) {
    const problem = await check(test, around);
    if (problem === null) continue;
    const found = {
      gate: 'test',
      rule: `test-${test.kind}`,
      severity: 'high',
      what: `${nameOf(test)}: ${problem}`,
      where: { path: test.kind === 'file' ? test.path : null, layer: null },
      fix: `mend the image, or the test in image.test; the instance's log is in ${content.fleet}`,
    } as const;
    findings.push(findingOf(found, [nameOf(test)], policy));
  }
  return findings;
}

/** In one line, as in kiln.yaml. Two tests of one name are one finding to a waiver. */
function nameOf(test: ImageTest): string {
  switch (test.kind) {
    case 'http':
      return `http ${test.path}${test.port === null ? '' : ` on ${test.port}`}`;
    case 'command':
      return `command ${test.command.join(' ')}`;
    case 'file':
    case 'script':
      return `${test.kind} ${test.path}`;
    case 'user':
      return `user ${test.user}`;
    case 'port':
      return `port ${test.port}`;
  }
}

const sha256 = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/** Where it is noted that this image passed these tests, launched like this. Null: a script may ask for more than is known here. */
function passedBefore({ image, tests, launch, cacheFolder }: GateSubject): string | null {
  if (tests.some(({ kind }) => kind === 'script')) return null;
  return join(cacheFolder, 'test-1', `${hexOf(image.digest)}-${sha256({ tests, content: launch() }).slice(0, 32)}.json`);
}

/** The form of in-toto's test-result v0.1. */
function resultOf({ tests }: GateSubject, findings: readonly Finding[]): Json {
  const names = tests.map(nameOf);
  const failed = names.filter((name) => findings.some(({ what }) => what.startsWith(`${name}: `)));
  return {
    result: failed.length === 0 ? 'PASSED' : 'FAILED',
    configuration: [{ name: 'kiln.yaml#image.test', digest: { sha256: sha256(tests) } }],
    passedTests: names.filter((name) => !failed.includes(name)),
    warnedTests: [],
    failedTests: failed,
  };
}
