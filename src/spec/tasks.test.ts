import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { environmentOf } from './environment.ts';
import { parseSpec } from './parse.ts';
import { releaseContent } from './release.ts';

const IMAGE = `sha256:${'0'.repeat(64)}` as Digest;
const tasksIn = (replace: string, environment = '{}') => {
  const text = `service: web\nimage: { from: scratch }\nrun: { port: 80 }\nreplace: ${replace}\nenvironments: { local: ${environment} }\n`;
  const spec = parseSpec(text, 'kiln.yaml');
  return releaseContent(spec, environmentOf(spec, null), IMAGE, {}).replace.tasks;
};

const WRITTEN = `
  before:
    - { job: [node, migrate.js], deadline: 5m, point-of-no-return: drops the column users.name }
    - { job: [node, seed.js], name: seed }
  tests:
    - { http: /healthz }
    - { command: [node, smoke.js], within: 1m }
    - { job: [node, e2e.js], name: e2e }
  approve: [traffic]
  webhooks:
    - { url: https://ops.example/hook, at: [before, after], secret: env:HOOK_SECRET, required: false }
`;

test('tasks come in the order in which they run, with names of their own', () => {
  const webhook = {
    kind: 'webhook',
    url: 'https://ops.example/hook',
    secret: { env: 'HOOK_SECRET' },
    required: false,
    deadlineMs: 60_000,
  };
  assert.deepEqual(tasksIn(WRITTEN), [
    { name: 'webhook-1-before', at: 'before', ...webhook },
    {
      name: 'before-1',
      at: 'before',
      kind: 'job',
      command: ['node', 'migrate.js'],
      noReturn: 'drops the column users.name',
      deadlineMs: 300_000,
    },
    { name: 'seed', at: 'before', kind: 'job', command: ['node', 'seed.js'], noReturn: null, deadlineMs: 600_000 },
    {
      name: 'test-1',
      at: 'traffic',
      kind: 'test',
      test: { kind: 'http', path: '/healthz', port: null, status: 200, body: null, headers: {} },
      deadlineMs: 10_000,
    },
    {
      name: 'test-2',
      at: 'traffic',
      kind: 'test',
      test: { kind: 'command', command: ['node', 'smoke.js'], exit: 0, stdout: null },
      deadlineMs: 60_000,
    },
    { name: 'e2e', at: 'traffic', kind: 'job', command: ['node', 'e2e.js'], noReturn: null, deadlineMs: 600_000 },
    { name: 'approval-traffic', at: 'traffic', kind: 'approval', deadlineMs: 86_400_000 },
    { name: 'webhook-1-after', at: 'after', ...webhook },
  ]);
});

test('an environment has tasks of its own in place of those of the file', () => {
  const names = tasksIn(
    '{ approve: [traffic], tests: [{ http: / }] }',
    '{ replace: { approve: [{ at: before, deadline: 4h }] } }',
  );
  assert.deepEqual(
    names?.map(({ name, deadlineMs }) => [name, deadlineMs]),
    [
      ['approval-before', 14_400_000],
      ['test-1', 10_000],
    ],
  );
});

test('a release without tasks is what it was before there were any', () => {
  assert.equal(tasksIn('{ strategy: rolling }'), undefined);
});
