/** Evidence as a person meets it: made by a bake, shown, exported, verified; only the machine below is faked. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { createKeyPair } from '../src/keys/key-pair.ts';
import { openSigner } from '../src/keys/signer.ts';
import { said, session, type Session } from './session.ts';

interface Shown {
  readonly kind: string;
  readonly signedBy: readonly { readonly name: string }[];
}

/** Gives the machine a key; answers the file with its public part. */
async function withKey({ world, home }: Session, name = 'ci'): Promise<string> {
  const pair = createKeyPair('p256', null);
  world.signer = () => openSigner({ key: pair.privatePem, password: null, passwordFile: null, folder: home.keys, env: {} });
  mkdirSync(home.keys, { recursive: true });
  const path = join(home.root, `${name}.pub`);
  writeFileSync(path, pair.public.pem);
  return path;
}

/** Bakes, and answers the image's digest. */
async function baked({ kiln, folder }: Session): Promise<string> {
  return (JSON.parse(await said(kiln('bake', folder, '--json'))) as { readonly digest: string }).digest;
}

const shown = async ({ kiln }: Session, image: string): Promise<readonly Shown[]> =>
  (JSON.parse(await said(kiln('evidence', image, '--json'))) as { readonly evidence: readonly Shown[] }).evidence;

test('a bake attaches evidence before the image has a tag, once, and says whether it is signed', async (t) => {
  const at = await session(t);
  assert.match(await said(at.kiln('bake', at.folder)), /evidence: \d+ attached, unsigned \(kiln key create\)/);
  await withKey(at);
  assert.match(await said(at.kiln('bake', at.folder)), /evidence: \d+ attached, signed by key [0-9a-f]{8}/);
  assert.match(await said(at.kiln('bake', at.folder)), /evidence: nothing new, signed by key/);
  const found = (await shown(at, await baked(at))).map(({ kind, signedBy }) => `${kind} by ${signedBy[0]?.name ?? 'nobody'}`);
  for (const kind of ['provenance', 'gates']) {
    for (const by of ['nobody', 'this machine']) assert.equal(found.filter((each) => each === `${kind} by ${by}`).length, 1);
  }
  assert.equal(found.filter((each) => each.startsWith('signature')).join(), 'signature by this machine');
  const history = await said(at.kiln('history', '--json'));
  assert.ok(history.indexOf('evidence.attached') < history.indexOf('bake.done'));
});

test('an image shows its evidence, a kind of it is printed whole, and all is exported as it is stored', async (t) => {
  const at = await session(t);
  await withKey(at);
  const image = await baked(at);
  assert.match(await said(at.kiln('image', image)), /\nprovenance +[0-9a-f]{8} +this machine \([0-9a-f]{8}\) +just now/);
  const gates = JSON.parse(await said(at.kiln('evidence', image, '--type', 'gates'))) as { readonly gates: readonly object[] };
  assert.ok(gates.gates.length > 0);
  const missing = await at.kiln('evidence', image, '--type', 'urn:nothing');
  assert.deepEqual([missing.code, /no evidence of the type "urn:nothing"/.test(missing.stderr)], [2, true]);
  const out = join(at.home.root, 'out');
  assert.match(await said(at.kiln('evidence', image, '--out', out)), /^\d+ documents of image/);
  const names = new Set(readdirSync(out).map((name) => name.replace(/-[0-9a-f]{12}/, '')));
  for (const name of ['gates.dsse.json', 'provenance.dsse.json', 'signature.json']) assert.ok(names.has(name), name);
  const envelope = readFileSync(join(out, readdirSync(out).find((name) => name.startsWith('gates')) ?? ''), 'utf8');
  assert.ok('signatures' in (JSON.parse(envelope) as object));
});

test('evidence is verified against a key, in the store and in a copy of it, and against another key fails', async (t) => {
  const at = await session(t);
  const key = await withKey(at);
  const image = await baked(at);
  assert.match(
    await said(at.kiln('evidence', 'verify', image, '--key', key)),
    /✓ (\d+) of \1 pieces of evidence .* signed by ci.pub/,
  );
  const copy = join(at.home.root, 'copy');
  cpSync(at.home.images, copy, { recursive: true });
  for (const reference of [`oci:${copy}`, `oci:${copy}@${image}`])
    assert.match(await said(at.kiln('evidence', 'verify', reference, '--key', key)), /✓ (\d+) of \1 pieces/);
  const other = await withKey(at, 'other');
  const refused = await at.kiln('evidence', 'verify', image, '--key', other, '--json');
  assert.equal(refused.code, 2);
  assert.deepEqual((JSON.parse(refused.stdout) as { readonly trusted: boolean }).trusted, false);
  rmSync(join(copy, 'oci-layout'));
  const none = await at.kiln('evidence', 'verify', `oci:${copy}`, '--key', key);
  assert.match(none.stderr, /error\[REFERENCE_INVALID\]: .* is not an OCI layout: it has no oci-layout/);
});

test('where a key is set that cannot be used, nothing is baked unsigned by mistake', async (t) => {
  const at = await session(t);
  const settings = { key: join(at.home.root, 'absent.key'), password: null, passwordFile: null, folder: at.home.keys, env: {} };
  at.world.signer = () => openSigner(settings);
  const { code, stderr } = await at.kiln('bake', at.folder);
  assert.deepEqual([code, /error\[KEY_INVALID\]/.test(stderr)], [2, true]);
  const { images } = JSON.parse(await said(at.kiln('images', '--json'))) as {
    readonly images: readonly { readonly tags: unknown[] }[];
  };
  assert.deepEqual(
    images.flatMap(({ tags }) => tags),
    [],
  );
});

const POLICY = `service: web
image: { from: scratch, entrypoint: [/app] }
run: { port: 3000, health: { tcp: true } }
replace: { warm-up: 0s }
environments:
  production:
    listen: "127.0.0.1:1"
    demand: { signed-by: [keys/ci.pub], tested: true, gates: pass }
`;

test('an environment takes only what has the evidence that it demands; break-glass is told for ever', async (t) => {
  const at = await session(t);
  const key = await withKey(at);
  writeFileSync(join(at.folder, 'kiln.yaml'), POLICY);
  const unreadable = await at.kiln('deploy', at.folder);
  assert.match(unreadable.stderr, /error\[FILE_UNREADABLE\]: environments.production.demand.signed-by: "keys\/ci.pub"/);
  mkdirSync(join(at.folder, 'keys'));
  cpSync(key, join(at.folder, 'keys', 'ci.pub'));

  const refused = await at.kiln('deploy', at.folder);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /error\[IMAGE_NOT_ADMITTED\]: production does not take image .*: tested: it has no test result\n/);
  assert.match(refused.stderr, /hint: tested: write tests .*--break-glass "REASON"/);
  const planned = await at.kiln('deploy', at.folder, '--plan');
  assert.deepEqual([planned.code, planned.stderr], [2, '']);
  assert.match(
    planned.stdout,
    /✓ signed-by: it is signed by ci.pub \(.*\n {2}✗ tested: it has no test result\n(.*\n)* {2}✓ gates: lint pass/,
  );
  assert.deepEqual((JSON.parse(await said(at.kiln('status', '--json'))) as { readonly fleets: unknown[] }).fleets, []);

  await said(at.kiln('deploy', at.folder, '--break-glass', 'outage 4711'));
  const loud = /BREAK-GLASS by ada: outage 4711 \(without tested\)/;
  for (const answer of [at.kiln('status'), at.kiln('status', 'web')]) assert.match(await said(answer), loud);
  assert.match(await said(at.kiln('releases', 'web')), /BREAK-GLASS: outage 4711/);
  const history = await said(at.kiln('history', '--json', '--limit', '500'));
  for (const kind of ['admission.refused', 'glass.broken']) assert.ok(history.includes(kind), kind);
  assert.ok(history.indexOf('glass.broken') < history.indexOf('release.made'));
});

test('a key outside of the folder of kiln.yaml is not read, and a private one is not taken', async (t) => {
  const at = await session(t);
  const pair = createKeyPair('p256', null);
  writeFileSync(join(at.home.root, 'outside.pub'), pair.public.pem);
  writeFileSync(join(at.folder, 'private.pub'), pair.privatePem);
  for (const [file, code] of [
    ['../home/outside.pub', 'PATH_ESCAPES'],
    ['private.pub', 'KEY_INVALID'],
  ] as const) {
    writeFileSync(join(at.folder, 'kiln.yaml'), POLICY.replace('keys/ci.pub', file));
    const { stderr } = await at.kiln('deploy', at.folder, '--break-glass', 'no matter');
    assert.match(stderr, new RegExp(`^error\\[${code}\\]`, 'm'));
    assert.ok(!stderr.includes('PRIVATE KEY'));
  }
});
