/** `bin/kiln` as a process against the real API with handlers of a few words: what goes over the socket and back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { ROUTE_NAMES } from '../api/routes.ts';
import type { AnswerOf, Handlers, HandlerContext } from '../api/schema.ts';
import { createServer, type Server } from '../api/server.ts';
import { exec, type ExecResult } from '../platform/exec.ts';
import { kilnHome } from '../platform/home.ts';
import { DIFF } from './testing/diff.ts';
import { fleet, group } from './testing/fakes.ts';

const KILN = resolve(import.meta.dirname, '../../bin/kiln');
const IMAGE = `sha256:${'4f1c9ab2'.repeat(8)}`;
const root = mkdtempSync(join(tmpdir(), 'kiln-api-'));
const env = { ...process.env, KILN_HOME: root, NO_COLOR: '1' };
const kiln = (...args: readonly string[]): Promise<ExecResult> => exec(KILN, args, { env });

type StreamContext = HandlerContext & { readonly emit: (event: unknown) => Promise<void> };

const entry = (seq: number, kind: string, data: object): object => ({
  seq,
  at: Date.now(),
  fleet: 'web.local',
  kind,
  data,
  hash: IMAGE,
  prev: IMAGE,
});
const line = { instance: 'web.local.r7.k3f9x2', at: 0, stream: 'stdout', text: 'hello' };
const gcPlan = { images: [], trashMs: 0, stays: [], trash: [], deleted: [], blobs: 0, bytes: 0, values: 0, unreadable: [] };
const baked = {
  digest: IMAGE,
  tags: ['web:1.0.0'],
  verdict: 'pass',
  evidence: { attached: [], signedBy: null },
  reports: [],
  changed: true,
  steps: [{ name: 'packages', cached: true, ms: 3 }],
  moved: [],
  reproduction: null,
  ms: 40,
};
const release = {
  number: 8,
  hash: IMAGE,
  image: IMAGE,
  strategy: 'rolling',
  label: 'web:1.0.0',
  createdAt: 0,
  references: [],
  brokenGlass: null,
};

const reference = { to: 'URL', from: 'etcd://url', pin: { version: '5', fingerprint: 'e0' } };
const configurationChange = { to: 'URL', was: null, is: reference };

/** As many as make more than a pipe holds. */
const PACKAGES = Array.from({ length: 2000 }, (_, index) => ({
  type: 'npm',
  name: `package-${index}`,
  version: '1.0.0',
  purl: `pkg:npm/package-${index}@1.0.0`,
  license: 'MIT',
  source: null,
  architecture: null,
  where: { path: `app/node_modules/package-${index}/package.json`, layer: IMAGE },
  owner: null,
}));

const revocation = { image: IMAGE, since: 0, by: 'ada', why: 'leaks a key', cascade: true, through: null };
const stored = {
  digest: IMAGE,
  tags: ['web:1.0.0'],
  storedAt: 0,
  size: 174_000_000,
  channels: ['web.dev'],
  revoked: revocation,
  damage: null,
};
const move = { seq: 7, at: 0, image: IMAGE, how: 'set', by: 'ada', why: 'release', overruled: 'it takes only what was in dev' };
const channel = {
  service: 'web',
  channel: 'production',
  image: IMAGE,
  tags: ['web:1.0.0'],
  last: move,
  policy: { after: 'staging', soakMs: 1000 },
  revoked: revocation,
  fleets: [{ fleet: 'web.local', image: IMAGE, current: false }],
};
const cascadeStep = {
  key: '/srv/web\nweb',
  service: 'web',
  folder: '/srv/web',
  image: IMAGE,
  after: [],
  channels: ['web.dev'],
  stuck: null,
};
const patchFleet = {
  fleet: 'web.local',
  release: 7,
  image: IMAGE,
  key: cascadeStep.key,
  folder: '/srv/web',
  channel: null,
  stuck: null,
};
const patchPlan = {
  cve: 'CVE-2026-1',
  images: [],
  steps: [{ ...cascadeStep, mended: false }],
  fleets: [patchFleet],
  left: [],
  harmless: [],
  unjudged: [],
  doubts: [],
};
const relative = { image: IMAGE, name: 'image:base:1', tags: [], level: 1, known: false, channels: [], revoked: null };

/** Never ends by itself. */
const untilGone = ({ signal }: StreamContext): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

/** The rollout to r8 of the folder `/rolled-back` fails; that of any other goes on for ever. */
let folder = '';
const chaosPlan = {
  fleet: 'web.local',
  victims: ['web.local.r7.k3f9x2'],
  seed: 8137,
  healthy: 3,
  left: 2,
  floor: 1,
  objections: [],
} as never as AnswerOf<'planChaos'>;
const moving = fleet({ phase: 'advancing', target: group(8).release });

const handlers: Readonly<Record<string, (input: never, ctx: StreamContext) => Promise<unknown>>> = {
  health: async () => ({ version: '0.1.0', pid: 1, home: root, startedAt: Date.now() }),
  doctor: async () => ({ problems: [], met: [] }),
  shutdown: async () => ({ stopped: ['web.local'] }),
  start: async () => ({ started: [], problems: [] }),
  bake: async (_, { emit }) => {
    await emit({ kind: 'step.started', step: 'final: packages' });
    await emit({ kind: 'step.output', step: 'final: packages', text: 'unpacking\n' });
    await emit({ kind: 'step.done', step: 'final: packages', cached: false, ms: 1240 });
    return baked;
  },
  images: async () => ({ images: [stored] }),
  image: async () => ({
    ...stored,
    config: { user: 'app', entrypoint: ['node'], command: [], workdir: '/app', env: [], ports: ['3000/tcp'], labels: {} },
    layers: [{ digest: IMAGE, size: 3, createdBy: null }],
    annotations: {},
    gates: [],
    evidence: [],
  }),
  packages: async () => ({ digest: IMAGE, distribution: null, packages: PACKAGES, unread: [] }),
  sbom: async () => ({ bomFormat: 'CycloneDX' }),
  vulnerabilities: async () => ({
    digest: IMAGE,
    database: { digest: IMAGE, newest: 0, records: 7, unread: 0 },
    scanners: [],
    doubts: [],
    vulnerabilities: [],
  }),
  diff: async ({ first, second }: { readonly first: string; readonly second: string }) => ({
    ...DIFF,
    same: first === second,
  }),
  tagImage: async () => stored,
  channels: async () => ({ channels: [channel] }),
  channel: async () => channel,
  channelHistory: async () => ({ service: 'web', channel: 'production', moves: [move] }),
  setChannel: async () => ({ channel, moved: true }),
  rollbackChannel: async () => channel,
  revoke: async () => ({
    revocations: [revocation],
    running: [{ fleet: 'web.local', release: 8, image: IMAGE, instances: 2, replaced: false }],
    channels: ['web.production'],
  }),
  undoRevocation: async () => ({ undone: [IMAGE] }),
  bases: async () => ({
    bases: [{ name: 'node:20', digest: IMAGE, newest: IMAGE, packages: [], services: ['web'], moved: true }],
    unanswered: ['x:1'],
    checkedAt: 0,
    watch: { everyMs: 3_600_000, cascades: true },
  }),
  planCascade: async () => ({ steps: [cascadeStep] }),
  cascade: async (_, { emit }) => {
    const result = { key: cascadeStep.key, outcome: 'failed', image: null, why: 'lint: root', moved: [] };
    await emit({ kind: 'cascade.step', cascade: 7, ...result });
    return { steps: [cascadeStep], results: [result] };
  },
  planPatch: async () => patchPlan,
  patch: async () => ({ id: 7, joined: false, plan: patchPlan }),
  lineage: async () => ({
    image: IMAGE,
    tags: ['web:1.0.0'],
    service: 'web',
    revision: null,
    folder: '/srv/web',
    ancestors: [relative],
    descendants: [],
    revoked: null,
    channels: [],
  }),
  planGc: async () => gcPlan,
  gc: async () => gcPlan,
  restore: async () => ({ restored: [{ image: IMAGE, tags: [] }] }),
  deploy: async (input: { readonly folder: string }) => {
    folder = input.folder;
    return { fleet: 'web.local', release, created: true, listen: null, configuration: [configurationChange], bake: baked };
  },
  planDeploy: async () => ({
    fleet: 'web.local',
    image: IMAGE,
    changes: true,
    admission: [],
    configuration: [configurationChange],
    steps: ['launch 1 instance of r8'],
  }),
  fleets: async () => ({ fleets: [fleet(), moving], problems: [], waves: [] }),
  status: async () => moving,
  configuration: async () => ({
    fleet: 'web.local',
    release: 8,
    references: [{ ...reference, state: 'changed', now: { version: '7', fingerprint: 'f0' }, why: null }],
  }),
  releases: async () => ({ fleet: 'web.local', releases: [release] }),
  rollback: async () => ({ ...fleet(), asked: { outcome: 'started', release: 8 } }),
  scale: async () => fleet(),
  planChaos: async () => chaosPlan,
  chaos: async () => ({ ...chaosPlan, experiment: 4 }),
  pause: async () => moving,
  resume: async () => moving,
  approve: async () => moving,
  abort: async () => moving,
  retire: async () => fleet({ phase: 'retiring' }),
  logs: async ({ follow }: { readonly follow: boolean }, context) => {
    await context.emit(line);
    if (!follow) return {};
    while (!context.signal.aborted) await context.emit(line);
    return {};
  },
  history: async () => ({ entries: [entry(40, 'bake.failed', { why: 'x'.repeat(200) })] }),
  verifyHistory: async () => ({ entries: 40, broken: { seq: 12, why: 'its hash is not that of its content' } }),
  events: async (_, context) => {
    await context.emit(entry(41, 'rollout.started', { from: 7, to: 8, cause: 'deploy', reason: 'deploy' }));
    if (folder !== '/rolled-back') return untilGone(context);
    await context.emit(entry(42, 'rollout.started', { from: 8, to: 7, cause: 'failure', reason: '0 of 3 healthy in 30 s' }));
    await context.emit(entry(43, 'rollout.finished', { outcome: 'rolled-back', warm: [] }));
    return untilGone(context);
  },
};

let server: Server;
before(async () => {
  const complete = Object.fromEntries(ROUTE_NAMES.map((name) => [name, handlers[name]])) as unknown as Handlers;
  server = createServer(complete, { version: '0.1.0', onBug: () => {} });
  await server.listen(kilnHome(env, 0).socket);
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

/** Each command once, with the exit code that it ends with here. */
const CALLS: readonly (readonly [args: string, exit: number])[] = [
  ['up', 0],
  ['doctor', 0],
  ['bake /srv/web --tag 1.0.0', 0],
  ['images', 0],
  ['image web:1.0.0', 0],
  ['sbom web:1.0.0', 0],
  ['sbom web:1.0.0 --format spdx', 0],
  ['vulnerabilities web:1.0.0', 0],
  ['diff web:1.0.0 web:1.1.0', 3],
  ['diff web.r7 web.r7 --all --text --markdown', 0],
  ['tag 4f1c9ab2 web:1.0.0', 0],
  ['channels', 0],
  ['channel production', 0],
  ['channel set web.production 4f1c9ab2 --reason release', 0],
  ['channel rollback production', 0],
  ['channel history production', 0],
  ['revoke 4f1c9ab2 --cascade --at 2h', 3],
  ['revoke 4f1c9ab2 --undo --reason mistake', 0],
  ['lineage web:1.0.0', 0],
  ['bases', 3],
  ['cascade web:1.0.0 --plan', 3],
  ['patch CVE-2026-1 --plan', 3],
  ['patch CVE-2026-1 --no-wait', 0],
  ['gc --plan', 0],
  ['gc', 0],
  ['gc --undo', 0],
  ['deploy /srv/web --no-wait', 0],
  ['deploy /srv/web --plan', 3],
  ['deploy /rolled-back', 4],
  ['status', 0],
  ['status web', 0],
  ['config web', 3],
  ['releases web', 0],
  ['rollback web --no-wait', 0],
  ['chaos web --plan', 0],
  ['chaos web --kill 50% --no-wait', 0],
  ['scale web 3', 0],
  ['pause web', 0],
  ['resume web', 0],
  ['approve web', 0],
  ['abort web', 0],
  ['abort web --past-no-return', 0],
  ['remove web --no-wait', 0],
  ['logs web --tail 5', 0],
  ['history web --limit 3', 0],
  ['history verify', 5],
  ['completion bash', 0],
  ['complete-words image', 0],
  ['down', 0],
];

test('with --json every command answers exactly one document, and its exit code', async () => {
  for (const [args, exit] of CALLS) {
    const { code, stdout } = await kiln(...args.split(' '), '--json');
    assert.equal(code, exit, args);
    assert.doesNotThrow(() => JSON.parse(stdout), args);
    assert.equal('error' in (JSON.parse(stdout) as object), exit > 3, args);
  }
});

test('without, every command answers text, and errors with their code and a hint', async () => {
  for (const [args, exit] of CALLS) {
    const { code, stdout, stderr } = await kiln(...args.split(' '));
    assert.equal(code, exit, args);
    assert.notEqual(stdout + stderr, '', args);
    if (exit > 3) assert.match(stderr, /^error\[[A-Z_]+\]: .+\n {2}hint: .+\n$/, args);
    else assert.equal(stderr, '', args);
  }
});

test('a history that is no terminal’s is whole, however long its lines', async () => {
  const { stdout } = await kiln('history', 'web');
  assert.match(stdout, new RegExp(`${'x'.repeat(200)}\\n$`));
});

test('a bake tells its steps', async () => {
  const { stdout } = await kiln('bake', '/srv/web');
  assert.match(stdout, /^ {2}✓ final: packages +1.2 s\nimage 4f1c9ab2 {3}web:1.0.0 {3}baked in 0.04 s, 1 of 1 step cached\n/);
});

/** Starts kiln, waits until it has said `said`, sends the signal, and answers how it ended. */
function interrupt(args: readonly string[], said: string): Promise<{ code: number | null; stderr: string }> {
  return new Promise((done) => {
    const child = spawn(KILN, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
      // A second one would end it as if nobody had listened.
      if (stdout.includes(said) && !child.killed) child.kill('SIGINT');
    });
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('close', (code) => done({ code, stderr }));
  });
}

test('Ctrl-C while waiting for a deploy ends with 130 and says how to look at it', async () => {
  const { code, stderr } = await interrupt(['deploy', '/srv/web'], 'started (deploy)');
  assert.equal(code, 130);
  assert.match(stderr, /^error\[INTERRUPTED\]: no longer waiting; the daemon goes on.*\n {2}hint: `kiln status web --watch`/);
});

test('Ctrl-C is how following logs ends', async () => {
  assert.deepEqual(await interrupt(['logs', 'web', '--follow'], 'hello'), { code: 0, stderr: '' });
});

test('a reader at a pipe gets all of it, however much it is', async () => {
  const count = async (output: string): Promise<string> =>
    (await exec('bash', ['-c', `"$0" sbom web:1.0.0 --json ${output}`, KILN, join(root, 'sbom.json')], { env })).stdout.trim();
  const whole = await count('> "$1"; wc -c < "$1"');
  assert.ok(Number(whole) > 2 ** 17, whole);
  assert.equal(await count('| wc -c'), whole);
});

test('a reader that leaves ends --follow, and is no failure', async () => {
  const piped = await exec('bash', ['-c', 'set -o pipefail; "$0" logs web --follow | head -n 1', KILN], { env });
  assert.deepEqual(piped, { code: 0, signal: null, stdout: 'r7.k3f9x2 hello\n', stderr: '' });
});
