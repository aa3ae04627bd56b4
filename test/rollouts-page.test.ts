/** docs/rollouts.md: its kiln.yaml parses, its signature is the one that is sent. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { parseSpec } from '../src/spec/parse.ts';
import { tasksOf } from '../src/spec/tasks.ts';
import { requires } from './requires.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'rollouts.md'), 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? '';

test('the file that the page shows has the tasks that it tells of', () => {
  const spec = parseSpec(`service: web\nimage: { from: scratch }\nrun: { port: 3000 }\n${block('yaml')}`, 'kiln.yaml');
  assert.deepEqual(
    tasksOf(spec.replace).map(({ at, kind }) => `${at} ${kind}`),
    ['before webhook', 'before job', 'traffic test', 'traffic test', 'traffic approval', 'after webhook'],
  );
});

test('the line for the shell makes the signature of a webhook', requires('openssl'), () => {
  const env = {
    ...process.env,
    id: 'web.local.12.x',
    timestamp: '1764000000',
    body: '{"type":"rollout.after"}',
    secret: 'words',
  };
  const made = execFileSync('sh', ['-c', block('sh')], { env, encoding: 'utf8' }).trim();
  assert.equal(made, createHmac('sha256', 'words').update(`${env.id}.${env.timestamp}.${env.body}`).digest('base64'));
});
