import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { hexOf, type Digest } from '../domain/digest.ts';
import { createKeyPair, type KeyKind, type KeyPair } from '../keys/key-pair.ts';
import { openSigner, type Signer } from '../keys/signer.ts';
import { openImageStore } from '../oci/layout.ts';
import type { Artifact, ImageStore } from '../oci/store.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { run } from '../platform/exec.ts';
import { attachEvidence } from './attach.ts';
import { cosignManifests } from './cosign.ts';
import { DSSE_TYPE, preAuthEncoding, sealEnvelope } from './dsse.ts';
import { evidenceOf, type Evidence } from './evidence.ts';
import { SIGNATURE_ANNOTATION, SIMPLE_SIGNING_TYPE } from './simple-signing.ts';
import { IN_TOTO_TYPE, statementAbout, type Predicate } from './statement.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const TESTED: Predicate = {
  type: 'https://in-toto.io/attestation/test-result/v0.1',
  content: { result: 'PASSED', passedTests: ['a', 'b'], failedTests: [], configuration: [] },
};
const SCANNED = (at: number): Predicate => ({
  type: 'https://in-toto.io/attestation/vulns/v0.1',
  content: { scanner: { uri: 'kiln', result: [] }, metadata: { scanFinishedOn: new Date(at).toISOString() } },
});

interface World {
  readonly store: ImageStore;
  readonly image: Digest;
  readonly other: Digest;
  readonly pair: KeyPair;
  readonly signer: Signer;
}

const signerOf = async ({ privatePem }: KeyPair): Promise<Signer> => {
  const signer = await openSigner({ key: privatePem, password: null, passwordFile: null, folder: '/nonexistent', env: {} });
  assert.ok(signer);
  return signer;
};

async function inWorld(use: (world: World) => Promise<void>, kind: KeyKind = 'p256'): Promise<void> {
  await using folder = await testFolder();
  const store = await openImageStore(folder.path);
  const [image, other] = [await putTestImage(store, [[fileEntry('a', '1')]]), await putTestImage(store, [[fileEntry('a', '2')]])];
  const pair = createKeyPair(kind, null);
  await use({ store, image, other, pair, signer: await signerOf(pair) });
}

const read = ({ store, image, pair }: World, keys = [pair.public]): Promise<readonly Evidence[]> =>
  evidenceOf(store, image, { keys, now: NOW });

const make = ({ store, image }: World, predicates: readonly Predicate[], signer: Signer | null, now = NOW) =>
  attachEvidence(predicates, { store, image, name: 'web', signer, now });

const document = (mediaType: string, content: Uint8Array, annotations?: Record<string, string>): Artifact => ({
  artifactType: mediaType,
  blobs: [{ mediaType, content, ...(annotations === undefined ? {} : { annotations }) }],
  annotations: {},
});

/** What is read of one hostile document. */
async function judge(world: World, artifact: Artifact): Promise<Evidence> {
  await world.store.attach(world.image, artifact);
  const found = (await read(world)).at(-1);
  assert.ok(found);
  return found;
}

const worthless = (evidence: Evidence, why: RegExp): void => {
  assert.match(evidence.trouble ?? 'nothing', why);
  assert.deepEqual([evidence.signedBy, evidence.passed], [[], null]);
};

for (const kind of ['p256', 'ed25519'] as const)
  test(`what is made with a key (${kind}) is read back, signed by it and by no other`, () =>
    inWorld(async (world) => {
      const made = await make(world, [TESTED, SCANNED(NOW)], world.signer);
      assert.equal(made.attached.length, 3);
      const found = await read(world);
      assert.deepEqual(
        found.map((each) => [each.kind, each.passed, each.trouble, each.signedBy.map(({ id }) => id)]),
        [
          ['test', true, null, [world.pair.public.id]],
          ['scan', null, null, [world.pair.public.id]],
          ['signature', null, null, [world.pair.public.id]],
        ],
      );
      assert.equal(found[0]?.says, '2 of 2 tests passed');
      assert.equal(found[1]?.madeAt, NOW);
      const stranger = await read(world, [createKeyPair(kind, null).public]);
      assert.ok(stranger.every(({ signedBy, trouble }) => signedBy.length === 0 && trouble === null));
      assert.deepEqual(await evidenceOf(world.store, world.other, { keys: [world.pair.public], now: NOW }), []);
    }, kind));

test('without a key evidence is made unsigned, and says so', () =>
  inWorld(async (world) => {
    const made = await make(world, [TESTED], null);
    assert.equal(made.signedBy, null);
    const [found, ...more] = await read(world);
    assert.deepEqual([found?.kind, found?.signatures, found?.signedBy, more], ['test', 0, [], []]);
  }));

test('the same is not said twice, whatever its times; another verdict, another key and a new day of scanning are', () =>
  inWorld(async (world) => {
    const at = (time: string): Predicate => ({ type: 'x:y', content: { finishedOn: time, deep: [{ ms: 1, fact: 1 }] } });
    const count = async (predicates: readonly Predicate[], signer: Signer | null, now = NOW): Promise<number> =>
      (await make(world, predicates, signer, now)).attached.length;
    assert.equal(await count([at('1'), TESTED, SCANNED(NOW)], world.signer), 4);
    assert.equal(await count([at('2'), TESTED, SCANNED(NOW + 1000)], world.signer, NOW + 1000), 0);
    assert.equal(await count([{ ...TESTED, content: { result: 'FAILED' } }], world.signer), 1);
    const day = 24 * 3600 * 1000;
    assert.equal(await count([SCANNED(NOW + 2 * day)], world.signer, NOW + 2 * day), 1);
    assert.equal(await count([TESTED], await signerOf(createKeyPair('p256', null))), 2);
    assert.equal(await count([TESTED], null), 1);
  }));

test('pre-authentication encoding is as the protocol has it', () => {
  assert.equal(
    preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString(),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
  assert.equal(preAuthEncoding('é', Buffer.from('é')).toString(), 'DSSEv1 2 é 2 é');
});

test('an envelope of another payload type counts for nothing, signed or not', () =>
  inWorld(async (world) => {
    const statement = statementAbout(world.image, 'web', TESTED);
    const sealed = await sealEnvelope('application/vnd.example+json', statement, world.signer);
    worthless(await judge(world, document(DSSE_TYPE, sealed)), /not an in-toto statement/);
    // The type is under the signature: to rename it afterwards voids it.
    const renamed = Buffer.from(sealed.toString().replace('application/vnd.example+json', IN_TOTO_TYPE));
    const found = await judge(world, document(DSSE_TYPE, renamed));
    assert.deepEqual([found.trouble, found.signedBy], [null, []]);
  }));

test('a signed statement about another image counts for nothing, wherever it is attached', () =>
  inWorld(async (world) => {
    const { store, other, signer } = world;
    const sealed = await sealEnvelope(IN_TOTO_TYPE, statementAbout(other, 'web', TESTED), signer);
    worthless(await judge(world, document(DSSE_TYPE, sealed)), /about another image/);
    await attachEvidence([], { store, image: other, name: 'web', signer, now: NOW });
    const [signature] = await store.referrers(other);
    const blob = signature?.blobs[0];
    assert.ok(blob);
    const payload = await store.readBlob(blob.digest, 10_000);
    worthless(await judge(world, document(SIMPLE_SIGNING_TYPE, payload, { ...blob.annotations })), /about another image/);
    for (const subject of [[], [{ digest: {} }], [{ digest: { sha512: hexOf(world.image) } }]]) {
      const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType: 'x', predicate: {} };
      worthless(await judge(world, document(IN_TOTO_TYPE, Buffer.from(JSON.stringify(statement)))), /another image|no in-toto/);
    }
  }));

test('of many signatures one that is trusted is enough, key ids decide nothing, and too many are refused', () =>
  inWorld(async (world) => {
    const statement = statementAbout(world.image, 'web', TESTED);
    const seal = async (signer: Signer): Promise<{ payload: string; signatures: { keyid: string; sig: string }[] }> =>
      JSON.parse(Buffer.from(await sealEnvelope(IN_TOTO_TYPE, statement, signer)).toString()) as never;
    const stranger = await seal(await signerOf(createKeyPair('p256', null)));
    const mine = await seal(world.signer);
    const asking = (signatures: readonly object[]): Artifact =>
      document(DSSE_TYPE, Buffer.from(JSON.stringify({ ...mine, payloadType: IN_TOTO_TYPE, signatures })));
    const both = await judge(world, asking([...stranger.signatures, ...mine.signatures]));
    assert.deepEqual([both.signatures, both.signedBy.length], [2, 1]);
    const claimed = await judge(world, asking([{ ...stranger.signatures[0], keyid: world.pair.public.id }]));
    assert.deepEqual([claimed.trouble, claimed.signedBy], [null, []]);
    const unnamed = await judge(world, asking([{ sig: mine.signatures[0]?.sig }]));
    assert.equal(unnamed.signedBy.length, 1);
    worthless(await judge(world, asking([])), /no DSSE envelope/);
    worthless(await judge(world, asking(Array.from({ length: 17 }, () => mine.signatures[0] ?? {}))), /no DSSE envelope/);
    worthless(await judge(world, asking([{ sig: 'not base64!' }])), /not base64/);
  }));

test('a payload that was changed under its signature is not signed by anybody', () =>
  inWorld(async (world) => {
    const failed = { ...TESTED, content: { result: 'FAILED' } };
    const sealed = await sealEnvelope(IN_TOTO_TYPE, statementAbout(world.image, 'web', failed), world.signer);
    const envelope = JSON.parse(Buffer.from(sealed).toString()) as Record<string, unknown>;
    const payload = Buffer.from(statementAbout(world.image, 'web', TESTED)).toString('base64');
    const found = await judge(world, document(DSSE_TYPE, Buffer.from(JSON.stringify({ ...envelope, payload }))));
    assert.deepEqual([found.passed, found.signedBy], [true, []]);
  }));

test('a signature of the image, moved into an envelope or an envelope’s signature beside a payload, is worth nothing', () =>
  inWorld(async (world) => {
    await make(world, [], world.signer);
    const [artifact] = await world.store.referrers(world.image);
    const blob = artifact?.blobs[0];
    assert.ok(blob);
    const payload = await world.store.readBlob(blob.digest, 10_000);
    const sig = blob.annotations?.[SIGNATURE_ANNOTATION] ?? '';
    const envelope = { payloadType: IN_TOTO_TYPE, payload: Buffer.from(payload).toString('base64'), signatures: [{ sig }] };
    worthless(await judge(world, document(DSSE_TYPE, Buffer.from(JSON.stringify(envelope)))), /no in-toto statement/);
    const sealed = JSON.parse(
      Buffer.from(await sealEnvelope(IN_TOTO_TYPE, statementAbout(world.image, 'web', TESTED), world.signer)).toString(),
    ) as { signatures: { sig: string }[] };
    const borrowed = { [SIGNATURE_ANNOTATION]: sealed.signatures[0]?.sig ?? '' };
    const found = await judge(world, document(SIMPLE_SIGNING_TYPE, Buffer.from(`${Buffer.from(payload).toString()} `), borrowed));
    assert.deepEqual([found.trouble, found.signedBy], [null, []]);
  }));

test('JSON that two readers could read differently is refused', () =>
  inWorld(async (world) => {
    const good = Buffer.from(statementAbout(world.image, 'web', TESTED)).toString();
    const twice = good.replace('"result":"PASSED"', '"result":"FAILED","result":"PASSED"');
    const escaped = good.replace('"result":"PASSED"', '"result":"FAILED","\\u0072esult" :"PASSED"');
    const deep = good.replace('"configuration":[]', `"configuration":${'['.repeat(5000)}${']'.repeat(5000)}`);
    const cases: readonly [string | Uint8Array, RegExp][] = [
      [twice, /says "result" twice/],
      [escaped, /says "result" twice/],
      [deep, /nested too deeply/],
      ['{"_type":', /is not JSON/],
      [`${good}x`, /is not JSON/],
      ['"'.padEnd(100_000, '\\'), /is not JSON/],
      [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), /is not JSON/],
      ['null', /no in-toto statement/],
    ];
    for (const [text, why] of cases) {
      const found = await judge(world, document(IN_TOTO_TYPE, typeof text === 'string' ? Buffer.from(text) : text));
      worthless(found, why);
    }
    // What only looks like a second key is none: in strings, in arrays, in objects beside each other.
    const harmless = { 'a"b': '{"a":1,"a":2}', list: [{ a: 1 }, { a: 1 }, 'a', 'a'], '\\': '\\' };
    const fine = statementAbout(world.image, 'web', { type: 'x:y', content: harmless });
    const found = await judge(world, document(IN_TOTO_TYPE, fine));
    assert.deepEqual([found.trouble, found.predicate], [null, harmless]);
  }));

test('what claims to come from the future counts for nothing; a clock may be a little ahead', () =>
  inWorld(async (world) => {
    await make(world, [SCANNED(NOW + 3_600_000), SCANNED(NOW + 60_000)], world.signer);
    const [future, ahead] = await read(world);
    assert.match(future?.trouble ?? '', /2026-11-21T13:00:00.000Z, which is still to come/);
    assert.equal(ahead?.trouble, null);
  }));

test('a document that is huge, damaged or of an unknown kind stops nothing', () =>
  inWorld(async (world) => {
    await make(world, [TESTED], world.signer);
    const huge = await judge(world, document(IN_TOTO_TYPE, Buffer.alloc((64 << 20) + 1, 32)));
    worthless(huge, /more than the 67108864 allowed/);
    const unknown = await judge(world, document('text/plain', Buffer.from('hello')));
    assert.deepEqual([unknown.kind, unknown.trouble, unknown.signedBy], ['other', null, []]);
    const gone = await judge(world, document(IN_TOTO_TYPE, Buffer.from('{}')));
    await writeFile(await world.store.blobPath(gone.blob.digest), '{ ');
    const all = await read(world);
    assert.match(all.at(-1)?.trouble ?? '', /expected sha256/);
    assert.deepEqual([all[0]?.kind, all[0]?.signedBy.length], ['test', 1]);
  }));

test('a statement in the bundle that cosign 3 writes is read like any other', () =>
  inWorld(async (world) => {
    const sealed = await sealEnvelope(IN_TOTO_TYPE, statementAbout(world.image, 'web', TESTED), world.signer);
    const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const bundle = {
      mediaType: type,
      verificationMaterial: {},
      dsseEnvelope: JSON.parse(Buffer.from(sealed).toString()) as object,
    };
    const found = await judge(world, document(type, Buffer.from(JSON.stringify(bundle))));
    assert.deepEqual([found.kind, found.signedBy.length, found.trouble], ['test', 1, null]);
    for (const wrong of ['null', '{}', '{"dsseEnvelope":[]}', '[]'])
      worthless(await judge(world, document(type, Buffer.from(wrong))), /no DSSE/);
  }));

test('openssl verifies the image’s signature and a statement, by hand', requires('openssl'), () =>
  inWorld(async (world) => {
    const folder = await mkdtemp(join(tmpdir(), 'kiln-evidence-'));
    try {
      await make(world, [TESTED], world.signer);
      const [statement, signature] = (await read(world)).map(({ blob }) => blob);
      assert.ok(statement && signature);
      const at = (name: string): string => join(folder, name);
      const verified = async (message: Uint8Array, base64: string): Promise<string> => {
        await writeFile(at('message'), message);
        await writeFile(at('sig'), Buffer.from(base64, 'base64'));
        return run('openssl', ['dgst', '-sha256', '-verify', at('pub'), '-signature', at('sig'), at('message')]);
      };
      await writeFile(at('pub'), world.pair.public.pem);
      const payload = await readFile(await world.store.blobPath(signature.digest));
      assert.match(await verified(payload, signature.annotations?.[SIGNATURE_ANNOTATION] ?? ''), /Verified OK/);
      const envelope = JSON.parse(await readFile(await world.store.blobPath(statement.digest), 'utf8')) as {
        payloadType: string;
        payload: string;
        signatures: { sig: string }[];
      };
      const message = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, 'base64'));
      assert.match(await verified(message, envelope.signatures[0]?.sig ?? ''), /Verified OK/);
    } finally {
      await rm(folder, { recursive: true });
    }
  }),
);

test('what cosign looks for in a registry is made of what is attached, and is the same each time', () =>
  inWorld(async (world) => {
    const { store, image, other, signer } = world;
    await make(world, [TESTED, SCANNED(NOW)], signer);
    await make(world, [TESTED], null);
    const [sig, att, ...more] = await cosignManifests(store, image);
    assert.deepEqual([sig?.tag, att?.tag, more], [`sha256-${hexOf(image)}.sig`, `sha256-${hexOf(image)}.att`, []]);
    assert.deepEqual(await cosignManifests(store, image), [sig, att]);
    const layers = (
      JSON.parse(Buffer.from(att?.bytes ?? []).toString()) as { layers: { annotations: object; mediaType: string }[] }
    ).layers;
    assert.deepEqual(
      layers.map(({ mediaType, annotations }) => [mediaType, Object.hasOwn(annotations, SIGNATURE_ANNOTATION)]),
      [
        [DSSE_TYPE, true],
        [DSSE_TYPE, true],
      ],
    );
    for (const { digest, size } of [...(sig?.blobs ?? []), ...(att?.blobs ?? [])]) assert.ok(await store.hasBlob(digest, size));
    assert.deepEqual(await cosignManifests(store, other), []);
  }));
