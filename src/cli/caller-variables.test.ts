import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { callerVariables, withoutVariables } from './caller-variables.ts';

test('of the environment only what the references of the chosen environment name is taken along', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-variables-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'kiln.yaml'),
    `service: web
image: { from: scratch }
run: { env: { A: { from: env://A } }, secrets: { B: env://OTHER#member, C: etcd://C }, files: { /f: { from: env://UNSET } } }
environments: { local: {}, production: { secrets: { D: env://D } } }
`,
  );
  const env = { A: '1', B: 'x', C: 'x', D: '4', OTHER: '{"member":2}', HOME: '/root' };
  assert.deepEqual(await callerVariables(folder, { only: undefined, environment: undefined }, env), {
    A: '1',
    OTHER: '{"member":2}',
  });
  assert.deepEqual(await callerVariables(folder, { only: undefined, environment: 'production' }, env), {
    A: '1',
    D: '4',
    OTHER: '{"member":2}',
  });
  assert.deepEqual(
    await callerVariables(folder, { only: undefined, environment: 'none' }, env),
    {},
    'what is wrong is for the daemon to say',
  );
  assert.deepEqual(await callerVariables(join(folder, 'none'), { only: undefined, environment: undefined }, env), {});
});

test('a daemon that is started gets the environment without them, but with what Kiln goes by', () => {
  const env = { A: '1', PATH: '/bin', AWS_PROFILE: 'ci', HOME: '/root', https_proxy: 'p' };
  assert.deepEqual(withoutVariables(env, ['A', 'PATH', 'AWS_PROFILE', 'HOME', 'https_proxy']), {
    PATH: '/bin',
    AWS_PROFILE: 'ci',
    HOME: '/root',
    https_proxy: 'p',
  });
});
