/** A home of its own, a tiny image from Debian's static busybox, and a look at everything that could be left behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Digest } from '../../../domain/digest.ts';
import {
  fleetId,
  groupId,
  instanceId,
  type EnvironmentName,
  type InstanceId,
  type ReleaseNumber,
  type ServiceName,
} from '../../../domain/ids.ts';
import { canonicalJson } from '../../../domain/json.ts';
import type { Health, Launch, Probe, Release, ReleaseContent, Routing } from '../../../domain/release.ts';
import { cgroupsNamed } from '../../../linux/cgroups.ts';
import { openLayerMounts, type LayerMounts } from '../../../linux/layers.ts';
import { mounts, unmountUnder } from '../../../linux/mounts.ts';
import { removeBridge } from '../../../linux/network.ts';
import { openImageStore } from '../../../oci/layout.ts';
import { writeLayer, type LayerEntry } from '../../../oci/layer-writer.ts';
import type { ImageConfig, ImageStore } from '../../../oci/store.ts';
import { systemClock } from '../../../platform/clock.ts';
import { sha256 } from '../../../platform/hash.ts';
import { kilnHome, type Home } from '../../../platform/home.ts';
import { poll } from '../../../platform/poll.ts';
import type { InstanceHealth, InstanceObservation } from '../../engine.ts';
import type { OpenValues } from '../host.ts';
import { createHostRuntime, type HostRuntime } from '../runtime.ts';

const BUSYBOX = '/bin/busybox';
const APPLETS = [
  'cat',
  'echo',
  'head',
  'httpd',
  'id',
  'kill',
  'ls',
  'mkdir',
  'nc',
  'sh',
  'sleep',
  'tail',
  'touch',
  'true',
  'wget',
];
const WITHIN_MS = 20_000;

export const FLEET = fleetId('web' as ServiceName, 'local' as EnvironmentName);
export const instance = (suffix: string): InstanceId => instanceId(groupId(FLEET, 1 as ReleaseNumber), suffix);
export const CALL = { signal: new AbortController().signal };

export interface HostFixture {
  readonly home: Home;
  readonly store: ImageStore;
  readonly layers: LayerMounts;
  /** What the runtime reported for the daemon's log. */
  readonly reports: string[];
  /** A runtime over the home, as a new daemon would open it; the one before is closed. */
  readonly open: () => Promise<HostRuntime>;
  readonly image: (layers: readonly (readonly LayerEntry[])[], config?: ImageConfig['config']) => Promise<Digest>;
}

const noValues: OpenValues = async () => ({ env: {}, files: [] });

/** Everything is taken away after the test, and that nothing was left is asserted. */
export async function hostFixture(t: TestContext, values: OpenValues = noValues): Promise<HostFixture> {
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-host-')) }, 0);
  const store = await openImageStore(home.images);
  const layers = openLayerMounts(home, store);
  const reports: string[] = [];
  let runtime: HostRuntime | null = null;
  const open = async (): Promise<HostRuntime> => {
    await runtime?.close();
    runtime = await createHostRuntime({
      home,
      store,
      layers,
      clock: systemClock,
      values,
      report: (message) => reports.push(message),
    });
    return runtime;
  };
  t.after(async () => {
    const last = await open();
    for (const { id } of await last.observe(CALL)) await last.remove(id, CALL);
    for (const { id } of await last.jobs(CALL)) await last.removeJob(id, CALL);
    await last.close();
    await layers.release(new Set());
    // Where a test has mounted it, it is the test's.
    const left = (await leftOf(home)).filter((each) => each !== home.run);
    await unmountUnder(home.root);
    await removeBridge(home);
    rmSync(home.root, { recursive: true, force: true });
    assert.deepEqual(left, []);
  });
  return { home, store, layers, reports, open, image: (stack, config) => putImage(store, stack, config) };
}

async function putImage(
  store: ImageStore,
  stack: readonly (readonly LayerEntry[])[],
  config: ImageConfig['config'] = {},
): Promise<Digest> {
  const layers = [];
  for (const entries of stack) layers.push(await writeLayer(store, entries, { epochSeconds: 0 }));
  const diffIds = layers.map(({ diffId }) => diffId);
  return store.putImage(
    { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } },
    layers,
    {},
  );
}

export const folder = (path: string, mode = 0o755): LayerEntry => ({ kind: 'folder', path, mode, uid: 0, gid: 0 });
export const symlink = (path: string, target: string): LayerEntry => ({
  kind: 'symlink',
  path,
  target,
  mode: 0o777,
  uid: 0,
  gid: 0,
});
export const file = (path: string, text: string, mode = 0o644): LayerEntry => ({
  kind: 'file',
  path,
  content: Buffer.from(text),
  mode,
  uid: 0,
  gid: 0,
});

/** A shell and its programs, an account `app` (1000), and folders as a base system has them. */
export function busybox(): readonly LayerEntry[] {
  return [
    ...['bin', 'etc', 'dev', 'proc', 'sys', 'var'].map((path) => folder(path)),
    folder('tmp', 0o1777),
    { kind: 'file', path: 'bin/busybox', content: { from: BUSYBOX, size: statSync(BUSYBOX).size }, mode: 0o755, uid: 0, gid: 0 },
    ...APPLETS.map((name) => symlink(`bin/${name}`, 'busybox')),
    file('etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n'),
    file('etc/group', 'root:x:0:\napp:x:1000:\nlogs:x:50:app\n'),
  ];
}

export interface ReleaseParts {
  readonly launch?: Partial<Launch>;
  readonly health?: Partial<Health>;
  readonly routing?: Partial<Routing>;
}

/** A shell script as the command, no probe, no port, quick to stop. */
export function release(image: Digest, script: string, parts: ReleaseParts = {}): Release {
  const content: ReleaseContent = {
    fleet: FLEET,
    image,
    launch: {
      command: ['/bin/sh', '-c', script],
      env: {},
      files: [],
      volumes: [],
      scratch: [],
      user: null,
      capabilities: [],
      limits: { memoryBytes: 64 << 20, cpus: null, pids: 64 },
      stopSignal: 'SIGTERM',
      stopGraceMs: 100,
      logs: { maxBytes: 1 << 20, keepFiles: 3, ship: null },
      ...parts.launch,
    },
    health: { probe: { kind: 'none' }, everyMs: 100, timeoutMs: 2000, fall: 2, deadlineMs: 10_000, ...parts.health },
    routing: { port: null, listen: null, preview: null, drainMs: 0, streamDrainMs: 0, ...parts.routing },
    replace: { strategy: { kind: 'recreate' }, warmUpMs: 0, keepMs: 0, deadlineMs: 60_000 },
  };
  return { number: 1 as ReleaseNumber, hash: sha256(canonicalJson(content)), content, createdAt: 0, label: 'test' };
}

/** Serves a folder of its scratch over HTTP on port 80. */
export const SERVER = 'mkdir -p /tmp/www; echo fine > /tmp/www/healthz; exec httpd -f -p 80 -h /tmp/www';

export function server(image: Digest, parts: ReleaseParts = {}): Release {
  const probe: Probe = { kind: 'http', path: '/healthz', status: 200, body: 'fine' };
  return release(image, SERVER, {
    launch: { scratch: [{ path: '/tmp', sizeBytes: 1 << 20 }], ...parts.launch },
    health: { probe, ...parts.health },
    routing: { port: 80, ...parts.routing },
  });
}

/** Waits for the instance to be in that state of health; fails at once when it can't become so. */
export async function becomes(
  runtime: HostRuntime,
  id: InstanceId,
  status: InstanceHealth['status'],
): Promise<InstanceObservation> {
  return until(async () => {
    const found = (await runtime.observe(CALL)).find((one) => one.id === id);
    assert.ok(found !== undefined, `${id} is not observed`);
    if (found.health.status === status) return found;
    const ended = found.health.status === 'exited' || found.health.status === 'unhealthy';
    assert.ok(!ended || status === 'exited', `${id} became ${JSON.stringify(found.health)} on the way to ${status}`);
    return null;
  });
}

/** The first answer that is not null. */
export async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  let answer: T | null = null;
  const isSo = async (): Promise<boolean> => (answer = await ask()) !== null;
  assert.ok(await poll(isSo, { withinMs: WITHIN_MS, everyMs: 5 }), `not so after ${WITHIN_MS} ms`);
  return answer as T;
}

export const logText = (home: Home, id: InstanceId): string => {
  try {
    return readFileSync(join(home.logs, 'web', 'local', `${id}.log`), 'utf8');
  } catch {
    return '';
  }
};

/** Waits for the text in the instance's log. */
export const says = (home: Home, id: InstanceId, text: string): Promise<string> =>
  until(async () => (logText(home, id).includes(text) ? logText(home, id) : null));

/** Whatever a home could leave in the kernel and below its run folder. */
export async function leftOf(home: Home): Promise<readonly string[]> {
  const list = (name: string): string[] => readdirSync(join(home.run, name)).map((entry) => `${name}/${entry}`);
  const mounted = (await mounts()).map(({ target }) => target).filter((target) => target.startsWith(home.root));
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n');
  return [
    ...mounted,
    ...(await cgroupsNamed(`kiln-${home.id}.`)),
    ...links.filter((line) => line.includes(`k${home.id}-`)),
    ...processesWith(home.root),
    ...['instances', 'runc', 'exits', 'sockets', 'roots'].flatMap(list),
    ...readdirSync(home.run).filter((name) => name.startsWith('kiln-')),
  ];
}

function processesWith(text: string): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(text) && Number(pid) !== process.pid ? [line] : [];
    } catch {
      return [];
    }
  });
}
