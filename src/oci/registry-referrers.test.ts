import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Digest } from '../domain/digest.ts';
import { openImageStore } from './layout.ts';
import { pullImage } from './pull.ts';
import { pushImage } from './push.ts';
import { parseReference } from './references.ts';
import { pullReferrers, pushReferrers } from './registry-referrers.ts';
import { Registry, type RegistryOptions } from './registry.ts';
import { Sources } from './sources.ts';
import type { Artifact, ImageStore } from './store.ts';
import { startRegistry } from './testing/docker-registry.ts';
import { hostileRegistry, type Twist } from './testing/hostile-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

const note = (text: string): Artifact => ({
  artifactType: 'application/vnd.example.note',
  blobs: [{ mediaType: 'text/plain', content: Buffer.from(text) }],
  annotations: { said: text },
});

const OPTIONS: RegistryOptions = {
  credentials: () => Promise.resolve(null),
  transport: { attempts: 2, pauseMs: 1, stallMs: 2000 },
};

const digestsOf = async (store: ImageStore, image: Digest): Promise<readonly Digest[]> =>
  (await store.referrers(image)).map(({ digest }) => digest).toSorted();

test(
  'evidence goes along by the fallback tag, also that which comes later and that on evidence',
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry();
    await using folder = await testFolder();
    const [here, there] = [await openImageStore(join(folder.path, 'a')), await openImageStore(join(folder.path, 'b'))];
    const image = await putTestImage(here, [[fileEntry('a', randomBytes(1000))]]);
    const reference = `${registry.host}/web:1`;
    const remote = new Registry(parseReference(reference), OPTIONS);
    const sources = (): Sources => new Sources(parseReference(reference), OPTIONS);
    await pushImage(image, reference, here, OPTIONS);
    assert.equal(await pushReferrers(remote, image, here, OPTIONS), 0);
    assert.equal(await pullReferrers(sources(), await pullImage(reference, there, OPTIONS), there, OPTIONS), 0);

    const first = await here.attach(image, note('one'));
    await here.attach(first, note('on one'));
    assert.equal(await pushReferrers(remote, image, here, OPTIONS), 2);
    assert.equal(await pullReferrers(sources(), image, there, OPTIONS), 2);
    await here.attach(image, note('two'));
    assert.equal(await pushReferrers(remote, image, here, OPTIONS), 3);
    assert.equal(await pushReferrers(remote, image, here, OPTIONS), 3);
    assert.equal(await pullReferrers(sources(), image, there, OPTIONS), 1);
    assert.equal(await pullReferrers(sources(), image, there, OPTIONS), 0);
    assert.deepEqual(await digestsOf(there, image), await digestsOf(here, image));
    assert.equal((await there.referrers(first)).length, 1);
    const index = await remote.manifest(`sha256-${image.slice(7)}`);
    const entries = (JSON.parse(index.bytes.toString()) as { manifests: { artifactType: string; annotations: object }[] })
      .manifests;
    assert.deepEqual(entries[0]?.annotations, { said: 'one' });
    assert.equal(entries[0]?.artifactType, 'application/vnd.example.note');
  },
);

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Pulls an image with two artifacts from a registry with a referrers API that answers so. */
async function pullWith(answer: (served: ReadonlyMap<Digest, Buffer>, image: Digest) => Answer): Promise<number | Error> {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', '1')]]);
  for (const text of ['one', 'two']) await source.attach(image, note(text));
  const served = new Map<Digest, Buffer>();
  for (const { digest, blobs } of await source.referrers(image)) {
    for (const each of [digest, ...blobs.map((blob) => blob.digest)])
      served.set(each, await readFile(await source.blobPath(each)));
  }
  served.set('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' as Digest, Buffer.from('{}'));
  const twist: Twist = (request, response) => answer(served, image)(request, response);
  await using registry = await hostileRegistry(source, image, twist);
  const store = await openImageStore(join(folder.path, 'store'));
  const reference = `${registry.host}/web:1`;
  await pullImage(reference, store, OPTIONS);
  return await pullReferrers(new Sources(parseReference(reference), OPTIONS), image, store, OPTIONS).catch(
    (error: Error) => error,
  );
}

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

const entriesOf = (served: ReadonlyMap<Digest, Buffer>): object[] =>
  [...served]
    .filter(([, bytes]) => bytes.includes('"subject"'))
    .map(([digest, bytes]) => ({ mediaType: OCI_MANIFEST, digest, size: bytes.length, artifactType: 'a/b' }));

const sendList = (response: ServerResponse, manifests: readonly object[], headers: Record<string, string> = {}): boolean =>
  Boolean(
    response
      .writeHead(200, { 'content-type': OCI_INDEX, ...headers })
      .end(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })),
  );

const isList = (request: IncomingMessage, image: Digest): boolean => request.url?.includes(`/referrers/${image}`) === true;

/** Artifacts and their blobs as they are. */
function honest(served: ReadonlyMap<Digest, Buffer>, request: IncomingMessage, response: ServerResponse): boolean {
  const found = served.get((request.url?.split('/').at(-1) ?? '') as Digest);
  if (found === undefined) return false;
  return Boolean(response.writeHead(200, { 'content-type': OCI_MANIFEST }).end(found));
}

test('a referrers API is read page by page', async () => {
  const taken = await pullWith((served, image) => (request, response) => {
    if (!isList(request, image)) return honest(served, request, response);
    const [one, two] = entriesOf(served);
    if (request.url?.includes('page=2')) return sendList(response, [two as object]);
    return sendList(response, [one as object], { link: `</v2/web/referrers/${image}?page=2>; rel="next"` });
  });
  assert.equal(taken, 2);
});

const LISTS: readonly [why: string, answer: Parameters<typeof pullWith>[0], expected: RegExp][] = [
  [
    'goes in circles',
    (_, image) => (request, response) =>
      isList(request, image) && sendList(response, [], { link: `<${request.url}>; rel="next"` }),
    /REGISTRY_PROTOCOL.*no end/,
  ],
  [
    'never ends',
    (_, image) => (request, response) =>
      isList(request, image) && sendList(response, [], { link: `<?page=${Math.random()}>; rel="next"` }),
    /REGISTRY_PROTOCOL.*no end/,
  ],
  [
    'goes on elsewhere',
    (_, image) => (request, response) =>
      isList(request, image) && sendList(response, [], { link: '<http://elsewhere.invalid/x>; rel="next"' }),
    /REGISTRY_PROTOCOL.*another host/,
  ],
  [
    'has too many',
    (served, image) => (request, response) =>
      isList(request, image) &&
      sendList(
        response,
        Array.from({ length: 1500 }, () => entriesOf(served)[0] as object),
        {
          link: `<${request.url}&more>; rel="next"`,
        },
      ),
    /REGISTRY_PROTOCOL.*more than 1000/,
  ],
  [
    'is no index',
    (_, image) => (request, response) =>
      isList(request, image) && Boolean(response.writeHead(200, { 'content-type': OCI_INDEX }).end('{"manifests":7}')),
    /IMAGE_INVALID/,
  ],
];

for (const [why, answer, expected] of LISTS) {
  test(`a list of referrers that ${why} is an error`, async () => {
    const error = await pullWith(answer);
    assert.match(
      error instanceof Error ? `${(error as Error & { code: string }).code} ${error.message}` : String(error),
      expected,
    );
  });
}

test('what is listed and is about something else, or nothing, is left', async () => {
  const taken = await pullWith((served, image) => (request, response) => {
    if (!isList(request, image)) return honest(served, request, response);
    const [one] = entriesOf(served);
    const other = { mediaType: OCI_MANIFEST, digest: image, size: 3 };
    const absent = { mediaType: OCI_MANIFEST, digest: `sha256:${'0'.repeat(64)}`, size: 3 };
    return sendList(response, [other, absent, one as object]);
  });
  assert.equal(taken, 1);
});
