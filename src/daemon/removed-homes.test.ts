import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Problem } from '../engines/engine.ts';
import { removedHomes } from './removed-homes.ts';

/** A process with that command line, which runs until the test is over. Resolves when it runs. */
async function pretend(t: TestContext, program: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)', '--', ...args], {
    argv0: program,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
}

const of = (problems: readonly Problem[], home: string): readonly Problem[] => problems.filter(({ what }) => what.includes(home));

test('instances and load balancer of a home that was removed are named, with the command that ends them', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'kiln-removed-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const ids = ['web.local.r1.aaaaaa', 'web.local.r1.bbbbbb'];
  const config = join(home, 'traffic/haproxy.cfg');
  for (const id of ids) await mkdir(join(home, 'run/instances', id), { recursive: true });
  await mkdir(join(home, 'traffic'));
  await writeFile(config, '');
  for (const id of ids) await pretend(t, 'conmon', ['--cid', id, '--bundle', join(home, 'run/instances', id)]);
  await pretend(t, 'haproxy', ['-W', '-f', config]);
  assert.deepEqual(of(await removedHomes(), home), []);
  rmSync(home, { recursive: true });
  assert.deepEqual(of(await removedHomes(), home), [
    {
      what: `strays of a removed home: of ${home} still run 2 instances and a load balancer`,
      hint: `end them: KILN_HOME=${home} kiln up && KILN_HOME=${home} kiln down`,
      fatal: false,
    },
  ]);
});
