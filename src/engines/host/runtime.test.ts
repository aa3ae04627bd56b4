import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { KilnError } from '../../errors/error.ts';
import { requires } from '../../../test/requires.ts';
import {
  becomes,
  busybox,
  CALL,
  file,
  folder,
  hostFixture,
  instance,
  leftOf,
  logText,
  release,
  says,
  server,
  symlink,
  until,
} from './testing/host-fixture.ts';

const NEEDS = requires('root', 'runc', 'conmon', 'ip', 'nft', 'busybox');
const A = instance('aaaaaa');

test('an instance is launched, answers on its address, and is gone without a trace when it was removed', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  await runtime.launch(A, server(await image([busybox()])), CALL);
  const { address } = await becomes(runtime, A, 'healthy');
  assert.ok(address !== null);
  const answer = await fetch(`http://${address.host}:${address.port}/healthz`);
  assert.equal((await answer.text()).trim(), 'fine');
  await runtime.remove(A, CALL);
  await runtime.remove(A, CALL);
  assert.deepEqual(await runtime.observe(CALL), []);
  assert.deepEqual(
    (await leftOf(home)).filter((left) => !left.includes('/layers/')),
    [],
  );
});

test('an instance can neither write to its root nor gain anything', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const script = `
    touch /x 2>&1; touch /etc/passwd 2>&1; echo x > /etc/hosts
    cat /proc/self/status; id; cat /proc/sys/kernel/hostname; ls /sys/fs/cgroup
    echo 1 > /proc/sys/kernel/panic; echo end; sleep 100`;
  await runtime.launch(A, release(await image([busybox()]), script, { launch: { user: 'app' } }), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /\/x: Read-only file system/);
  assert.match(said, /\/etc\/passwd: Read-only file system/);
  assert.match(said, /can't create \/etc\/hosts: (?:Read-only|Permission)/);
  assert.match(said, /can't create \/proc\/sys\/kernel\/panic: (?:Read-only|Permission)/);
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(said, new RegExp(`${set}:\t0000000000000000`));
  assert.match(said, /NoNewPrivs:\t1/);
  assert.match(said, /Seccomp:\t2/);
  assert.match(
    said,
    /uid=1000\(app\) gid=1000\(app\) groups=50\(logs\),1000\(app\)|uid=1000\(app\) gid=1000\(app\) groups=50\(logs\)/,
  );
  assert.match(said, /web-local-r1-aaaaaa/);
});

test('root is no exception, and a named capability is kept', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const script = 'touch /x 2>&1; cat /proc/self/status; echo end; sleep 100';
  await runtime.launch(A, release(await image([busybox()]), script, { launch: { capabilities: ['NET_BIND_SERVICE'] } }), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /\/x: Read-only file system/);
  assert.match(said, /CapEff:\t0000000000000400/);
});

test('environment, files, scratch and volumes are as the release says', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const digest = await image([busybox()], { Env: ['A=image', 'B=image'], WorkingDir: '/srv/app' });
  const launch = {
    user: 'app',
    env: { B: 'launch', C: 'a b\n"c"' },
    files: [{ path: '/etc/app/config.json', content: '{"x":1}', mode: 0o400 }],
    scratch: [{ path: '/srv/cache', sizeBytes: 1 << 20 }],
    volumes: [{ name: 'data', path: '/srv/data', singleWriter: false }],
  };
  const script = `
    echo "$A $B $C"; pwd; cat /etc/app/config.json; echo; touch /etc/app/config.json 2>&1
    head -c 2000000 /dev/zero > /srv/cache/big 2>&1; ls -l /srv/cache
    echo kept > /srv/data/file; echo end; sleep 100`;
  await runtime.launch(A, release(digest, script, { launch }), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /image launch a b\n.*"c"/);
  assert.match(said, /stdout F \/srv\/app/);
  assert.match(said, /\{"x":1\}/);
  assert.match(said, /config\.json: Read-only file system/);
  assert.match(said, / 1048576 .* big/, 'the scratch is full at its size');
  await runtime.remove(A, CALL);
  const again = instance('bbbbbb');
  await runtime.launch(again, release(digest, 'cat /srv/data/file; echo end; sleep 100', { launch }), CALL);
  assert.match(await says(home, again, 'stdout F end'), /kept/);
  assert.equal(readFileSync(join(home.volumes, 'web', 'local', 'data', 'file'), 'utf8'), 'kept\n');
  assert.match(logText(home, A), /image launch/, 'logs are kept when the instance is gone');
});

test('an image can lead no mount out of its root', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const hostile = [
    symlink('etc/hosts', '../../../../../../etc/kiln-escaped'),
    symlink('etc/resolv.conf', '/run/resolve/resolv.conf'),
    symlink('data', '../../../../../../tmp/kiln-escaped'),
  ];
  const launch = { volumes: [{ name: 'data', path: '/data/deep', singleWriter: false }] };
  const script = 'cat /etc/hosts /etc/kiln-escaped /run/resolve/resolv.conf; ls -d /tmp/kiln-escaped/deep; echo end; sleep 100';
  await runtime.launch(A, release(await image([busybox(), hostile]), script, { launch }), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /web-local-r1-aaaaaa/);
  assert.match(said, /stdout F \/tmp\/kiln-escaped\/deep/);
  for (const path of ['/etc/kiln-escaped', '/tmp/kiln-escaped']) assert.equal(existsSync(path), false, path);
});

test('a folder that a layer only has things in keeps the owner and mode that a lower layer gave it', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const script = 'ls -ld /tmp /tmp/deep; echo end; sleep 100';
  const digest = await image([
    [...busybox(), folder('tmp/deep', 0o700)],
    [file('tmp/deep/file', 'x')],
    [{ kind: 'whiteout', path: 'bin/nc' }],
  ]);
  await runtime.launch(A, release(digest, `${script}; ls /bin/nc`), CALL);
  const said = await says(home, A, 'stdout F end');
  assert.match(said, /drwxrwxrwt.* \/tmp\n/);
  assert.match(said, /drwx------.* \/tmp\/deep\n/);
});

test('an instance that ends is seen, with its code and its last words', NEEDS, async (t) => {
  const { open, image } = await hostFixture(t);
  const runtime = await open();
  let changes = 0;
  runtime.onChange(() => changes++);
  await runtime.launch(A, release(await image([busybox()]), 'echo no such database >&2; exit 3'), CALL);
  const { health } = await becomes(runtime, A, 'exited');
  assert.equal(health.status === 'exited' && health.detail, 'exited with code 3; its last line: no such database');
  assert.ok(changes > 0);
});

test('an instance that takes more memory than its limit is killed, and that is said', NEEDS, async (t) => {
  const { open, image } = await hostFixture(t);
  const runtime = await open();
  const launch = { limits: { memoryBytes: 16 << 20, cpus: 0.5, pids: 16 } };
  await runtime.launch(A, release(await image([busybox()]), 'exec tail -c 200m /dev/zero', { launch }), CALL);
  const { health } = await becomes(runtime, A, 'exited');
  assert.match(health.status === 'exited' ? health.detail : '', /^killed: out of memory/);
  assert.equal(existsSync('oom'), false, 'conmon leaves no note in the folder of the daemon');
});

test('an instance can have no more processes than its limit', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const launch = { limits: { memoryBytes: 64 << 20, cpus: null, pids: 8 } };
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; sleep 100';
  await runtime.launch(A, release(await image([busybox()]), script, { launch }), CALL);
  await says(home, A, "can't fork");
});

test('an instance that floods its log fills no disk', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const launch = { logs: { maxBytes: 64 << 10, keepFiles: 2, ship: null } };
  await runtime.launch(
    A,
    release(await image([busybox()]), 'cat /bin/busybox /bin/busybox; echo; echo all is said; sleep 100', { launch }),
    CALL,
  );
  const text = await says(home, A, 'all is said');
  assert.ok(text.length <= 4 * (64 << 10), `${text.length} bytes of log`);
});

test('no instance gets healthy by a probe that fails, and the deadline says why', NEEDS, async (t) => {
  const { open, image } = await hostFixture(t);
  const runtime = await open();
  const health = { probe: { kind: 'http', path: '/healthz', status: 200 }, timeoutMs: 200, deadlineMs: 1000 } as const;
  await runtime.launch(A, release(await image([busybox()]), 'sleep 100', { health, routing: { port: 80 } }), CALL);
  const found = await until(async () => {
    const [one] = await runtime.observe(CALL);
    assert.notEqual(one?.health.status, 'healthy');
    return one?.health.status === 'unhealthy' ? one.health : null;
  });
  assert.equal(found.detail, 'not healthy after 1 s: GET /healthz: connection refused');
});

test('a command probe runs in the image and the network of its instance, and can write nowhere', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const command = ['sh', '-c', 'wget -q -O - http://127.0.0.1/healthz && ! touch /srv/data/x'];
  const volumes = [{ name: 'data', path: '/srv/data', singleWriter: false }];
  const parts = {
    health: { probe: { kind: 'command', command } },
    launch: { volumes, scratch: [{ path: '/tmp', sizeBytes: 1 << 20 }] },
  } as const;
  await runtime.launch(A, server(await image([busybox()]), parts), CALL);
  await becomes(runtime, A, 'healthy');
  assert.equal(existsSync(join(home.volumes, 'web', 'local', 'data', 'x')), false);
});

test('instances reach neither each other nor the machine', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const digest = await image([busybox()]);
  await runtime.launch(A, server(digest), CALL);
  const { address } = await becomes(runtime, A, 'healthy');
  assert.ok(address !== null);
  const gateway = address.host.replace(/\.\d+$/, '.1');
  const script = `wget -T 1 -O - http://${address.host}/healthz 2>&1; nc -w 1 ${gateway} 22 2>&1 </dev/null; echo end; sleep 100`;
  const other = instance('bbbbbb');
  await runtime.launch(other, release(digest, script), CALL);
  const said = await says(home, other, 'stdout F end');
  assert.doesNotMatch(said, /fine/);
  assert.match(said, /timed out|No route/);
});

test('eight launched at once are eight healthy instances with an address each', NEEDS, async (t) => {
  const { open, image } = await hostFixture(t);
  const runtime = await open();
  const content = server(await image([busybox()]));
  const ids = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => instance(`paral${number}`));
  await Promise.all(ids.map((id) => runtime.launch(id, content, CALL)));
  const found = await Promise.all(ids.map((id) => becomes(runtime, id, 'healthy')));
  assert.equal(new Set(found.map(({ address }) => address?.host)).size, 8);
  await Promise.all(ids.map((id) => runtime.remove(id, CALL)));
});

test('what cannot be started throws LAUNCH_FAILED with the reason and leaves nothing', NEEDS, async (t) => {
  const { home, open, image } = await hostFixture(t);
  const runtime = await open();
  const digest = await image([busybox()]);
  const cases = [
    { launch: { command: ['/no/such/program'] }, says: /no such file/ },
    { launch: { user: 'nobody-here' }, says: /no user "nobody-here"/ },
    { launch: { scratch: [{ path: '/proc/x', sizeBytes: 4096 }] }, says: /nothing can be laid over \/proc\/x/ },
    { launch: { scratch: [{ path: '/etc/passwd', sizeBytes: 4096 }] }, says: /not a folder/ },
  ];
  for (const { launch, says: message } of cases) {
    const expected = (error: unknown): boolean =>
      error instanceof KilnError && error.code === 'LAUNCH_FAILED' && message.test(error.message);
    await assert.rejects(runtime.launch(A, release(digest, '', { launch }), CALL), expected);
    assert.deepEqual(await runtime.observe(CALL), []);
    assert.deepEqual(
      (await leftOf(home)).filter((left) => !left.includes('/layers/')),
      [],
    );
  }
});
