import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatReference, parseReference } from './references.ts';

const HEX = 'a'.repeat(64);

const VALID: readonly [text: string, full: string][] = [
  ['debian', 'docker.io/library/debian'],
  ['debian:bookworm', 'docker.io/library/debian:bookworm'],
  ['grafana/grafana:11.2', 'docker.io/grafana/grafana:11.2'],
  ['docker.io/debian:12', 'docker.io/library/debian:12'],
  ['index.docker.io/library/debian:12', 'docker.io/library/debian:12'],
  ['localhost/app:1', 'localhost/app:1'],
  ['localhost:5000/app', 'localhost:5000/app'],
  ['127.0.0.1:5000/team/app:v1', '127.0.0.1:5000/team/app:v1'],
  ['[::1]:5000/app:1', '[::1]:5000/app:1'],
  ['ghcr.io/owner/name/part:1.0.0-rc.1', 'ghcr.io/owner/name/part:1.0.0-rc.1'],
  [`registry.example/app@sha256:${HEX}`, `registry.example/app@sha256:${HEX}`],
  [`web:1.2@sha256:${HEX}`, `docker.io/library/web:1.2@sha256:${HEX}`],
  ['registry.example/a--b__c.d/e', 'registry.example/a--b__c.d/e'],
];

for (const [text, full] of VALID) {
  test(`"${text}" is ${full}`, () => {
    const reference = parseReference(text);
    assert.equal(formatReference(reference), full);
    assert.deepEqual(parseReference(full), reference);
  });
}

const MALFORMED = [
  '',
  ':1.0',
  'App:1.0',
  'registry.example/App',
  'registry.example/',
  'web:',
  'web:-1',
  `web:${'1'.repeat(129)}`,
  'web@sha256:123',
  `web@sha512:${HEX}`,
  'a/../b',
  'a//b',
  'a___b',
  'web 1',
  'registry.example:port/app',
  'registry.example:99999/app',
  '[:::]/app',
  'user:password@registry.example/app:1',
  `registry.example/${'a'.repeat(256)}`,
  'web:1\nHost: other',
];

for (const text of MALFORMED) {
  test(`${JSON.stringify(text.slice(0, 40))} is not a reference`, () => {
    assert.throws(() => parseReference(text), { code: 'REFERENCE_INVALID' });
  });
}
