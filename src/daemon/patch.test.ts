/** Patches over the API, on a faked machine: from the base to the fleets, until nothing runs with the vulnerability. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Client, PatchStatusBody } from '../client/client.ts';
import { systemClock } from '../platform/clock.ts';
import { openJournal } from '../store/sqlite.ts';
import { CRITICAL, osv } from '../vulnerabilities/testing/records.ts';
import { isError, running, type Running } from './testing/running.ts';

const CVE = 'CVE-2026-1';

interface Family extends Running {
  readonly folders: Readonly<Record<string, string>>;
  readonly images: Readonly<Record<string, string>>;
}

interface FamilyOptions {
  /** Of web's fleets. */
  readonly keep?: string;
  /** Null: no fixed version is known. */
  readonly fixed?: string | null;
  /** Of web's channel production. */
  readonly soak?: string;
}

const webYaml = (keep: string, soak = '0s'): string => `service: web
image: { from: "channel:base.stable", entrypoint: [/app] }
run: { port: 3000, instances: 1, health: { tcp: true } }
replace: { warm-up: 0s, keep: ${keep}, deadline: 2s }
channels: { production: { after: staging, soak: ${soak} } }
environments:
  local: { listen: "127.0.0.1:1", env: { LEVEL: reviewed } }
  production: { listen: "127.0.0.1:2", channel: production }
`;

/** base → web, which runs in two environments, one of them behind two channels; all with a lodash that is known to be harmful. */
async function family(t: TestContext, { keep = '0s', fixed = '4.17.21', soak = '0s' }: FamilyOptions = {}): Promise<Family> {
  const all = await running(t);
  const { client, home, world } = all;
  const root = dirname(all.folder);
  const folders = { base: join(root, 'of-base'), web: join(root, 'of-web'), apart: join(root, 'of-apart') };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  writeFileSync(join(folders.base, 'kiln.yaml'), 'service: base\nimage: { from: scratch }\n');
  writeFileSync(join(folders.apart, 'kiln.yaml'), 'service: apart\nimage: { from: scratch, entrypoint: [/app] }\n');
  writeFileSync(join(folders.web, 'kiln.yaml'), webYaml(keep, soak));
  world.lodash = '4.17.20';
  const base = (await client.bake({ folder: folders.base, channel: 'stable' }).result()).digest;
  const web = (await client.bake({ folder: folders.web, channel: 'staging' }).result()).digest;
  await client.setChannel({ channel: 'web.production', image: web, breakGlass: true, reason: 'the first' });
  await client.bake({ folder: folders.apart }).result();
  await client.deploy({ folder: folders.web, environment: 'local', image: web }).result();
  await client.deploy({ folder: folders.web, environment: 'production' }).result();
  for (const fleet of ['web.local', 'web.production']) await serving(client, fleet, 1);
  mkdirSync(join(home.root, 'vulnerabilities'));
  const record = osv(CVE, 'npm', 'lodash', fixed, { severity: CRITICAL });
  writeFileSync(join(home.root, 'vulnerabilities', 'lodash.json'), JSON.stringify(record));
  return { ...all, folders, images: { base, web } };
}

const serving = (client: Client, fleet: string, release: number): Promise<void> =>
  entry(client, async () => {
    const { phase, serving } = await client.status({ service: fleet });
    return phase === 'steady' && serving === release;
  });

/** Looks after every entry of the history. */
async function entry(client: Client, isSo: (kind: string, data: unknown) => Promise<boolean> | boolean): Promise<void> {
  const enough = new AbortController();
  for await (const { kind, data } of client.events({ after: 0 }, { signal: enough.signal })) if (await isSo(kind, data)) return;
}

async function ended(client: Client, id: number): Promise<PatchStatusBody> {
  await entry(client, (kind, data) => kind === 'patch.finished' && (data as { patch: number }).patch === id);
  return client.patchStatus({ id });
}

async function patched(client: Client): Promise<PatchStatusBody> {
  const { id } = await client.patch({ cve: CVE, by: 'ada' });
  assert.ok(id !== null, 'there is something to do');
  return ended(client, id);
}

const made = ({ results }: PatchStatusBody): readonly unknown[] =>
  results.map(({ key, outcome, moved }) => [key.split('\n')[1], outcome, moved]);
const rolled = ({ rollouts }: PatchStatusBody): readonly unknown[] =>
  byFleet(rollouts).map(({ fleet, outcome, release }) => [fleet, outcome, release]);
const byFleet = <T extends { readonly fleet: string }>(all: readonly T[]): readonly T[] =>
  all.toSorted((a, b) => (a.fleet < b.fleet ? -1 : 1));

test('what runs with it is made again from the base up, checked, and rolled out until none is left', async (t) => {
  const { client, world, images } = await family(t);
  const plan = await client.planPatch({ cve: 'cve-2026-1' });
  assert.deepEqual(
    plan.steps.map(({ service, channels, mended, stuck }) => [service, channels, mended, stuck]),
    [
      ['base', ['base.stable'], false, null],
      ['web', ['web.staging', 'web.production'], false, null],
    ],
  );
  assert.deepEqual(
    plan.fleets.map(({ fleet, channel }) => [fleet, channel]),
    [
      ['web.local', null],
      ['web.production', 'production'],
    ],
  );
  assert.equal(plan.images.length, 3, 'that of apart has it, too, and is of no use to anybody');
  world.lodash = '4.17.21';
  const status = await patched(client);
  assert.deepEqual(made(status), [
    ['base', 'made', ['base.stable']],
    ['web', 'made', ['web.staging', 'web.production']],
  ]);
  assert.deepEqual(status.results[1]?.mended, [{ name: 'lodash', from: '4.17.20', to: '4.17.21' }]);
  assert.deepEqual(rolled(status), [
    ['web.local', 'mended', 2],
    ['web.production', 'mended', 2],
  ]);
  assert.deepEqual(status.left, []);
  const { releases } = await client.releases({ service: 'web.local' });
  const { moves } = await client.channelHistory({ channel: 'web.production' });
  assert.deepEqual([moves.at(-1)?.how, moves.at(-1)?.by, moves.at(-1)?.image], ['patch', 'ada', releases[1]?.image]);
  assert.notEqual(releases[1]?.image, images['web']);
  const { id, plan: again } = await client.patch({ cve: CVE });
  assert.deepEqual([id, again.steps, again.fleets], [null, [], []], 'a second time there is nothing to do');
});

test('the image alone is another: what was reviewed goes on, whatever is in the folder now', async (t) => {
  const { client, world, folders, home } = await family(t);
  world.lodash = '4.17.21';
  writeFileSync(join(folders['web'] ?? '', 'kiln.yaml'), webYaml('0s').replace('reviewed', 'not-reviewed'));
  await patched(client);
  const journal = openJournal(home.database, systemClock);
  const contents = [...journal.read({ kinds: new Set(['release.made']) })]
    .filter(({ fleet }) => fleet === 'web.local')
    .map(({ data }) => (data as unknown as { release: { content: { launch: unknown; image: string } } }).release.content);
  journal.close();
  assert.deepEqual(contents[0]?.launch, contents[1]?.launch);
  assert.notEqual(contents[0]?.image, contents[1]?.image);
});

test('an image that still has it goes nowhere; once it is mended, the same command goes on', async (t) => {
  const { client, world } = await family(t);
  world.content = 'two';
  const one = await patched(client);
  assert.deepEqual(made(one), [
    ['base', 'failed', []],
    ['web', 'skipped', []],
  ]);
  assert.match(one.results[0]?.why ?? '', /CVE-2026-1 is still in it: lodash 4\.17\.20 is mended in 4\.17\.21, which its source/);
  assert.deepEqual(rolled(one), [
    ['web.local', 'stuck', 1],
    ['web.production', 'stuck', 1],
  ]);
  assert.equal(one.left.length, 2);
  world.lodash = '4.17.21';
  assert.deepEqual((await patched(client)).left, []);
});

test('without a fixed version nothing is tried, and that is said', async (t) => {
  const { client, world } = await family(t, { fixed: null });
  world.lodash = '4.17.21';
  const { results, left } = await patched(client);
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['stuck', 'skipped'],
  );
  assert.equal(results[0]?.why, 'no fixed version available yet of lodash 4.17.20');
  assert.equal(left.length, 2);
});

test('a rollout that fails is rolled back by its strategy, and stops the environments after it', async (t) => {
  const { client, world } = await family(t);
  world.lodash = '4.17.21';
  const { id } = await client.patch({ cve: CVE });
  await entry(client, (kind) => {
    if (kind === 'patch.started') world.broken = 'no memory';
    return kind === 'patch.rolling';
  });
  const back = entry(client, (kind, data) => kind === 'rollout.started' && (data as { cause: string }).cause === 'failure');
  await back;
  world.broken = null;
  const status = await ended(client, id ?? 0);
  assert.deepEqual(rolled(status), [
    ['web.local', 'rolled-back', 1],
    ['web.production', 'stuck', 1],
  ]);
  assert.match(status.rollouts.find(({ fleet }) => fleet === 'web.production')?.why ?? '', /web\.local, which comes before it/);
  assert.deepEqual(rolled(await patched(client)), [
    ['web.local', 'mended', 3],
    ['web.production', 'mended', 2],
  ]);
});

test('a daemon that starts again goes on with the patch that was under way, and rolls nothing out twice', async (t) => {
  const { client, home, world, images, restart } = await family(t);
  const plan = await client.planPatch({ cve: CVE });
  world.lodash = '4.17.21';
  let id = 0;
  await restart(() => {
    const journal = openJournal(home.database, systemClock);
    const data = { cve: CVE, images: Object.values(images), steps: plan.steps, fleets: plan.fleets, by: 'ada', glass: null };
    const [begun] = journal.append([{ fleet: null, kind: 'patch.started', data: structuredClone(data) }]);
    id = begun?.seq ?? 0;
    journal.close();
  });
  await entry(client, (kind) => kind === 'patch.rolling');
  await restart();
  const status = await ended(client, id);
  assert.deepEqual(rolled(status), [
    ['web.local', 'mended', 2],
    ['web.production', 'mended', 2],
  ]);
  assert.equal((await client.releases({ service: 'web.local' })).releases.length, 2);
});

test('given again it joins what is under way, waits for the way back, and ends when somebody takes it', async (t) => {
  const { client, world } = await family(t, { keep: '1h' });
  world.lodash = '4.17.21';
  const { id } = await client.patch({ cve: CVE });
  assert.deepEqual((await client.patch({ cve: CVE })).id, id);
  for (const fleet of ['web.local', 'web.production']) await serving(client, fleet, 2);
  const joined = await client.patch({ cve: CVE });
  assert.deepEqual([joined.id, joined.joined], [id, true]);
  assert.deepEqual(
    byFleet(joined.plan.left).map(({ fleet, warmUntil }) => [fleet, warmUntil !== null]),
    [
      ['web.local', true],
      ['web.production', true],
    ],
  );
  for (const service of ['web.local', 'web.production']) await client.rollback({ service });
  const status = await ended(client, id ?? 0);
  assert.equal(status.left.length, 2, 'it is told that they run with it again');
});

test('a channel that does not take the image yet holds its environment back, and says when to come again', async (t) => {
  const { client, world, images } = await family(t, { soak: '1h' });
  world.lodash = '4.17.21';
  const status = await patched(client);
  assert.deepEqual(rolled(status), [
    ['web.local', 'mended', 2],
    ['web.production', 'stuck', 1],
  ]);
  const why = status.rollouts.find(({ fleet }) => fleet === 'web.production')?.why ?? '';
  assert.match(why, /web\.production does not hold the mended image.*only what was in staging for 60 m.*then patch again/);
  assert.deepEqual(
    status.left.map(({ fleet, image }) => [fleet, image]),
    [['web.production', images['web']]],
  );
  const { id } = await client.patch({ cve: CVE, breakGlass: 'an exploit is about' });
  assert.deepEqual((await ended(client, id ?? 0)).left, []);
  const { moves } = await client.channelHistory({ channel: 'web.production' });
  assert.deepEqual([moves.at(-1)?.why, moves.at(-1)?.overruled !== null], ['mends CVE-2026-1: an exploit is about', true]);
});

test('lost sources and unknown data are told with what to do', async (t) => {
  const { client, folders, world, home } = await family(t);
  await assert.rejects(client.patchStatus({ id: 1 }), isError('NOT_FOUND', /there is no patch 1/));
  world.lodash = '4.17.21';
  rmSync(folders['web'] ?? '', { recursive: true });
  const { results, rollouts } = await patched(client);
  assert.equal(results[1]?.outcome, 'stuck');
  assert.match(
    results[1]?.why ?? '',
    /there is no kiln\.yaml in .*of-web; check the source of web out there, or bake it where it is/,
  );
  assert.match(rollouts[0]?.why ?? '', /the image that is to take its place was not made/);
  await assert.rejects(client.patch({ cve: 'CVE-2026-2' }), isError('NOT_FOUND', /no data on this machine knows CVE-2026-2/));
  rmSync(join(home.root, 'vulnerabilities'), { recursive: true });
  await assert.rejects(client.patch({ cve: CVE }), isError('VULNERABILITY_DATA', /nothing can be said of any image/));
});
