import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BASE_FORMS, readBase } from './base.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('bases, in each of their forms', () => {
  const bases = {
    scratch: { kind: 'scratch' },
    'debian:bookworm': { kind: 'debian', suite: 'bookworm', snapshot: null },
    'debian:bookworm@20260101T000000Z': { kind: 'debian', suite: 'bookworm', snapshot: '20260101T000000Z' },
    'image:web:1.2.0': { kind: 'kiln', reference: 'web:1.2.0' },
    [`image:${DIGEST}`]: { kind: 'kiln', reference: DIGEST },
    'channel:base.stable': { kind: 'channel', service: 'base', channel: 'stable' },
    'oci:../layout': { kind: 'layout', path: '../layout', digest: null },
    [`oci:/srv/layout@${DIGEST}`]: { kind: 'layout', path: '/srv/layout', digest: DIGEST },
    'stage:build': { kind: 'stage', stage: 'build' },
    'node:20-alpine': { kind: 'registry', reference: 'node:20-alpine' },
    '127.0.0.1:5000/base/node:20': { kind: 'registry', reference: '127.0.0.1:5000/base/node:20' },
    'docker.io/library/debian:12': { kind: 'registry', reference: 'docker.io/library/debian:12' },
    [`registry.example/app@${DIGEST}`]: { kind: 'registry', reference: `registry.example/app@${DIGEST}` },
    [`registry.example/app:latest@${DIGEST}`]: { kind: 'registry', reference: `registry.example/app:latest@${DIGEST}` },
  };
  for (const [text, value] of Object.entries(bases)) assert.deepEqual(readBase(text), { ok: true, value }, text);
});

test('what is no base, and in which words', () => {
  const refused = {
    '': BASE_FORMS,
    'debian:12': "a Debian suite's name, such as debian:bookworm (the image on Docker Hub is docker.io/library/debian:NUMBER)",
    'debian:latest': 'a Debian suite by name, such as debian:bookworm: "latest" names nothing for long',
    'debian:bookworm@yesterday': 'debian:SUITE or debian:SUITE@SNAPSHOT, such as debian:bookworm@20260101T000000Z',
    'debian:--x': 'debian:SUITE or debian:SUITE@SNAPSHOT, such as debian:bookworm@20260101T000000Z',
    'image:web:latest': "an image's version or digest: Kiln has no tag latest, because it moves",
    'image:web': 'image:NAME:VERSION or image:sha256:… with 64 hexadecimal digits',
    'image:sha256:abc': 'image:NAME:VERSION or image:sha256:… with 64 hexadecimal digits',
    'channel:stable': 'channel:SERVICE.CHANNEL, such as channel:base.stable: what the channel holds is locked in kiln.lock',
    'oci:': 'oci:PATH or oci:PATH@sha256:… with 64 hexadecimal digits',
    'stage:Build': 'stage:NAME, the name of one of the stages',
    'stages:build': `${BASE_FORMS}; did you mean "stage:build"?`,
    'node:latest': 'a version or a digest: latest is whatever was pushed last',
    node: 'a tag or a digest after the name: "node" alone would be whatever is newest',
    'app@sha256:12': 'a digest of the form sha256: and 64 lower-case hexadecimal digits',
    'http://registry.example/app:1': BASE_FORMS,
    'a b': BASE_FORMS,
    'constructor:x/': BASE_FORMS,
    [`${'a-'.repeat(5000)}:`]: BASE_FORMS,
  };
  for (const [text, expected] of Object.entries(refused))
    assert.deepEqual(readBase(text), { ok: false, expected }, text.slice(0, 40));
});
