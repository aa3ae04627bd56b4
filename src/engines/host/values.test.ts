/** Values of references, on the way into an instance: where they are, who may read them, and where they are not. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { requires } from '../../../test/requires.ts';
import type { LaunchValues } from '../../domain/reference.ts';
import type { Reference } from '../../domain/release.ts';
import { KilnError } from '../../errors/error.ts';
import { mountVolatile } from '../../linux/volatile-folder.ts';
import type { OpenValues } from './host.ts';
import { becomes, busybox, CALL, hostFixture, instance, release, says, type HostFixture } from './testing/host-fixture.ts';

const NEEDS = requires('root', 'runc', 'conmon', 'ip', 'nft', 'busybox');
const A = instance('aaaaaa');
const VALUES: LaunchValues = {
  env: { DATABASE_URL: 'postgres://web:hunter2@db' },
  files: [
    { path: '/run/secrets/KEY', content: Buffer.from([1, 0, 255, 10]), mode: 0o400 },
    { path: '/etc/app.json', content: Buffer.from('{"a":"hunter3"}'), mode: 0o440 },
  ],
};
const pin = { version: '1', fingerprint: 'f' };
const REFERENCES: readonly Reference[] = [
  { from: 'etcd://url', to: { kind: 'env', name: 'DATABASE_URL' }, pin },
  { from: 'etcd://key', to: { kind: 'file', path: '/run/secrets/KEY', mode: 0o400 }, pin },
  { from: 'etcd://app', to: { kind: 'file', path: '/etc/app.json', mode: 0o440 }, pin },
];

const opened: OpenValues = async ({ content }) => (content.launch.references === undefined ? { env: {}, files: [] } : VALUES);

async function inMemory(t: TestContext, values: OpenValues = opened): Promise<HostFixture> {
  const fixture = await hostFixture(t, values);
  await mountVolatile(fixture.home.run);
  return fixture;
}

test('values reach an instance as variables, and as files that only its user may read', NEEDS, async (t) => {
  const { home, open, image } = await inMemory(t);
  const runtime = await open();
  const script = `echo "$DATABASE_URL"; ls -ln /run/secrets/KEY /etc/app.json
    echo x > /run/secrets/KEY; echo end; sleep 100`;
  await runtime.launch(A, release(await image([busybox()]), script, { launch: { user: 'app', references: REFERENCES } }), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /postgres:\/\/web:hunter2@db/);
  assert.match(said, /-r-------- +1 1000 +1000 +4 .*\/run\/secrets\/KEY/);
  assert.match(said, /-r--r----- +1 1000 +1000 +15 .*\/etc\/app.json/);
  assert.match(said, /can't create \/run\/secrets\/KEY: (?:Read-only|Permission)/);
});

test('what an instance says of its values is not told on', NEEDS, async (t) => {
  const { open, image } = await inMemory(t);
  const runtime = await open();
  const script = 'echo "cannot connect to $DATABASE_URL" >&2; exit 7';
  await runtime.launch(A, release(await image([busybox()]), script, { launch: { references: REFERENCES } }), CALL);
  const { health } = await becomes(runtime, A, 'exited');
  assert.ok('detail' in health);
  assert.equal(health.detail, 'exited with code 7; its last line: cannot connect to [hidden]');
});

test('what a health command says of them is not told on either', NEEDS, async (t) => {
  const { open, image } = await inMemory(t);
  const runtime = await open();
  const command = ['sh', '-c', 'echo "$DATABASE_URL is down" >&2; exit 1'];
  const health = { probe: { kind: 'command', command }, deadlineMs: 1_000 } as const;
  await runtime.launch(A, release(await image([busybox()]), 'sleep 100', { launch: { references: REFERENCES }, health }), CALL);
  for (;;) {
    const [seen] = await runtime.observe(CALL);
    if (seen?.health.status === 'unhealthy') {
      assert.match(seen.health.detail, /\[hidden\] is down/);
      assert.doesNotMatch(seen.health.detail, /hunter2/);
      return;
    }
    await new Promise<void>((resolve) => {
      const stop = runtime.onChange(() => {
        stop();
        resolve();
      });
    });
  }
});

test('what stands in the way of a value is the error of the launch, and nothing is left of it', NEEDS, async (t) => {
  const { open, image } = await inMemory(t, () =>
    Promise.reject(new KilnError('VALUE_LOST', 'etcd://url in version 1 is lost', { hint: 'deploy' })),
  );
  const runtime = await open();
  const lost = release(await image([busybox()]), 'sleep 100', { launch: { references: REFERENCES } });
  await assert.rejects(runtime.launch(A, lost, CALL), { code: 'VALUE_LOST' });
  assert.deepEqual(await runtime.observe(CALL), []);
});

test('where `run` is on a disk, nothing with values is launched', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t, opened);
  const runtime = await open();
  const wanted = release(await image([busybox()]), 'sleep 100', { launch: { references: REFERENCES } });
  await assert.rejects(runtime.launch(A, wanted, CALL), {
    code: 'REQUIREMENT_MISSING',
    message: `${home.run} is not in memory, and values of references are written to no disk`,
  });
  await runtime.launch(A, release(await image([busybox()]), 'sleep 100'), CALL);
});
