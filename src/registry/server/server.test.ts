/** The store as a registry, asked by hand, by Kiln's own client, and by skopeo and buildah. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import type { Digest } from '../../domain/digest.ts';
import { openImageStore } from '../../oci/layout.ts';
import { pullImage } from '../../oci/pull.ts';
import { parseReference } from '../../oci/references.ts';
import { pullReferrers } from '../../oci/registry-referrers.ts';
import { DEFAULT_SETTINGS, type RegistryOptions } from '../../oci/registry.ts';
import { Sources } from '../../oci/sources.ts';
import type { ImageStore } from '../../oci/store.ts';
import { makeCertificates } from '../../oci/testing/certificates.ts';
import { fileEntry, putTestImage, testFolder } from '../../oci/testing/images.ts';
import { run } from '../../platform/exec.ts';
import { serveStore, type ServeOptions, type StoreServer } from './server.ts';

const OPTIONS: RegistryOptions = { credentials: () => Promise.resolve(null), transport: { attempts: 2, pauseMs: 1 } };

interface Scene {
  readonly folder: string;
  readonly store: ImageStore;
  readonly image: Digest;
  readonly server: StoreServer;
  readonly host: string;
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
}

async function scene(play: (scene: Scene) => Promise<void>, options: Partial<ServeOptions> = {}): Promise<void> {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'store'));
  const image = await putTestImage(store, [[fileEntry('a', randomBytes(100_000))], [fileEntry('hello', 'world')]]);
  await store.tag(image, 'web:1.2.0');
  await store.tag(image, '127.0.0.1:5000/team/web:7');
  const server = await serveStore(store, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    onRequest: () => {},
    isOffered: async () => true,
    ...options,
  });
  const host = `127.0.0.1:${server.port}`;
  try {
    await play({
      folder: folder.path,
      store,
      image,
      server,
      host,
      get: (path, init = {}) => fetch(`http://${host}${path}`, { redirect: 'manual', ...init }),
    });
  } finally {
    await server.close();
  }
}

test('manifests by tag and digest, blobs whole, in part and unchanged', () =>
  scene(async ({ get, store, image }) => {
    assert.equal((await get('/v2/')).status, 200);
    const manifest = await readFile(await store.blobPath(image));
    for (const name of [
      'web/manifests/1.2.0',
      `web/manifests/${image}`,
      '127.0.0.1_5000/team/web/manifests/7',
      `any/manifests/${image}`,
    ]) {
      const answer = await get(`/v2/${name}`);
      assert.equal(answer.headers.get('docker-content-digest'), image, name);
      assert.equal(answer.headers.get('content-type'), 'application/vnd.oci.image.manifest.v1+json');
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), manifest);
    }
    const head = await get('/v2/web/manifests/1.2.0', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(manifest.length)]);
    const blob = (await store.image(image)).layers[0]?.descriptor;
    assert.ok(blob);
    const content = await readFile(await store.blobPath(blob.digest));
    const ranges: readonly [range: string | null, status: number, from: number, to: number][] = [
      [null, 200, 0, content.length],
      ['bytes=0-0', 206, 0, 1],
      ['bytes=1000-', 206, 1000, content.length],
      ['bytes=10-99999999', 206, 10, content.length],
      ['bytes=-5', 206, content.length - 5, content.length],
      ['bytes=0-1,5-6', 200, 0, content.length],
      ['lines=1-2', 200, 0, content.length],
      [`bytes=${content.length}-`, 416, 0, 0],
    ];
    for (const [range, status, from, to] of ranges) {
      const answer = await get(`/v2/web/blobs/${blob.digest}`, range === null ? {} : { headers: { range } });
      assert.equal(answer.status, status, String(range));
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), content.subarray(from, to), String(range));
    }
    const etag = `"${blob.digest}"`;
    assert.equal((await get(`/v2/web/blobs/${blob.digest}`, { headers: { 'if-none-match': `W/"x", ${etag}` } })).status, 304);
    const other = await get(`/v2/web/blobs/${blob.digest}`, { headers: { range: 'bytes=5-', 'if-range': '"another"' } });
    assert.equal(other.status, 200);
    await other.arrayBuffer();
  }));

const ZERO = `sha256:${'0'.repeat(64)}`;
const REFUSALS: readonly [method: string, path: string, status: number, code: string][] = [
  ['GET', '/v2/web/manifests/9', 404, 'MANIFEST_UNKNOWN'],
  ['GET', `/v2/web/manifests/${ZERO}`, 404, 'MANIFEST_UNKNOWN'],
  ['GET', '/v2/none/manifests/1.2.0', 404, 'MANIFEST_UNKNOWN'],
  ['GET', '/v2/web/manifests/..%2f..%2findex.json', 404, 'MANIFEST_UNKNOWN'],
  ['GET', `/v2/web/blobs/${ZERO}`, 404, 'BLOB_UNKNOWN'],
  ['GET', '/v2/web/blobs/sha256:short', 400, 'DIGEST_INVALID'],
  ['GET', '/v2/Web/tags/list', 400, 'NAME_INVALID'],
  ['GET', '/v2/none/tags/list', 404, 'NAME_UNKNOWN'],
  ['GET', '/v2/web/tags/list?n=x', 400, 'PAGINATION_NUMBER_INVALID'],
  ['GET', '/', 404, 'NAME_UNKNOWN'],
  ['GET', '/v1/search', 404, 'NAME_UNKNOWN'],
  ['GET', `/v2/${'a/'.repeat(600)}tags/list`, 404, 'NAME_UNKNOWN'],
  ['POST', '/v2/web/blobs/uploads/', 405, 'UNSUPPORTED'],
  ['PUT', '/v2/web/manifests/1.2.0', 405, 'UNSUPPORTED'],
  ['DELETE', `/v2/web/manifests/${ZERO}`, 405, 'UNSUPPORTED'],
];

test('what is not there, malformed or a change is refused in the documented form', () =>
  scene(async ({ get, store, image }) => {
    for (const [method, path, status, code] of REFUSALS) {
      const answer = await get(path, method === 'GET' ? {} : { method, body: method === 'DELETE' ? null : '{}' });
      assert.equal(answer.status, status, path);
      const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] };
      assert.equal(errors[0]?.code, code, path);
      if (status === 405) assert.equal(answer.headers.get('allow'), 'GET, HEAD');
    }
    assert.deepEqual((await store.list())[0]?.digest, image);
  }));

test('a blob that no image names is not served, though it lies in the store', () =>
  scene(async ({ get, store }) => {
    const { digest } = await store.putBlob(Buffer.from('half of something'));
    assert.equal((await get(`/v2/web/blobs/${digest}`)).status, 404);
  }));

test('who asks for one image of many does not wait until all are read', async () => {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'store'));
  const images: Digest[] = [];
  for (let at = 0; at < 20; at += 1) {
    images.push(await putTestImage(store, [[fileEntry('a', `${at}`)]]));
    await store.tag(images[at] as Digest, `web:${at}`);
  }
  const [asked, read]: [Set<Digest>, Set<Digest>] = [new Set(), new Set()];
  const watched = new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (first: Digest, ...rest: readonly unknown[]): unknown => {
        if (name === 'readBlob' || name === 'image') read.add(first);
        return Reflect.apply(method, target, [first, ...rest]);
      };
    },
  });
  const isOffered = async (image: Digest): Promise<boolean> => asked.add(image) !== null;
  const server = await serveStore(watched, { host: '127.0.0.1', port: 0, tls: null, onRequest: () => {}, isOffered });
  try {
    await using there = await testFolder();
    const to = await openImageStore(there.path);
    assert.equal(await pullImage(`127.0.0.1:${server.port}/web:7`, to, OPTIONS), images[7]);
  } finally {
    await server.close();
  }
  assert.deepEqual([[...asked], [...read]], [[images[7]], [images[7]]]);
});

test('an image and a tag that come while it serves are there at once', () =>
  scene(async ({ get, store }) => {
    for (const version of ['1', '2', '3']) {
      const image = await putTestImage(store, [[fileEntry('a', randomBytes(10))]]);
      await store.tag(image, `late:${version}`);
      assert.equal((await get(`/v2/late/manifests/${version}`)).status, 200);
      const { layers } = await store.image(image);
      assert.equal((await get(`/v2/late/blobs/${layers[0]?.descriptor.digest}`)).status, 200);
    }
  }));

test('tags and repositories are listed in pages, each with the address of the next', () =>
  scene(async ({ get, store, image }) => {
    for (let at = 0; at < 7; at += 1) await store.tag(image, `web:0.${at}`);
    const seen: string[] = [];
    let next: string | null = '/v2/web/tags/list?n=3';
    while (next !== null) {
      const answer: Response = await get(next);
      const { name, tags } = (await answer.json()) as { name: string; tags: string[] };
      assert.equal(name, 'web');
      seen.push(...tags);
      next = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1] ?? null;
    }
    assert.deepEqual(seen, ['0.0', '0.1', '0.2', '0.3', '0.4', '0.5', '0.6', '1.2.0']);
    assert.deepEqual(await (await get('/v2/_catalog')).json(), { repositories: ['127.0.0.1_5000/team/web', 'web'] });
  }));

test("Kiln's own client takes image and evidence, by the referrers API", () =>
  scene(async ({ folder, store, image, host, get }) => {
    const artifact = { artifactType: 'application/vnd.example.note', annotations: { said: 'x' } };
    const note = await store.attach(image, { ...artifact, blobs: [{ mediaType: 'text/plain', content: Buffer.from('note') }] });
    const there = await openImageStore(join(folder, 'there'));
    assert.equal(await pullImage(`${host}/web:1.2.0`, there, OPTIONS), image);
    const sources = new Sources(parseReference(`${host}/web:1.2.0`), OPTIONS);
    assert.equal(await pullReferrers(sources, image, there, OPTIONS), 1);
    assert.deepEqual(
      (await there.referrers(image)).map(({ digest }) => digest),
      [note],
    );
    const filtered = await get(`/v2/web/referrers/${image}?artifactType=other/type`);
    assert.equal(filtered.headers.get('oci-filters-applied'), 'artifactType');
    assert.deepEqual(((await filtered.json()) as { manifests: unknown[] }).manifests, []);
  }));

test('over TLS, to who trusts its authority', requires('openssl'), async () => {
  await using folder = await testFolder();
  const { authority, certificate, key } = await makeCertificates(folder.path);
  const tls = { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  const authorities = await readFile(authority, 'utf8');
  await scene(
    async ({ folder: mine, image, host }) => {
      const there = await openImageStore(join(mine, 'there'));
      const settings = (): typeof DEFAULT_SETTINGS => ({ ...DEFAULT_SETTINGS, authorities });
      assert.equal(await pullImage(`${host}/web:1.2.0`, there, { ...OPTIONS, settings }), image);
    },
    { tls },
  );
});

test('skopeo and buildah pull from it', requires('skopeo', 'buildah'), () =>
  scene(async ({ folder, image, host, store }) => {
    const inspected = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${host}/web:1.2.0`]);
    assert.equal((JSON.parse(inspected) as { Digest: string }).Digest, image);
    await run('skopeo', [
      '--insecure-policy',
      'copy',
      '--src-tls-verify=false',
      `docker://${host}/web@${image}`,
      `oci:${folder}/copy:1`,
    ]);
    const layer = (await store.image(image)).layers[0]?.descriptor.digest.slice('sha256:'.length) ?? '';
    assert.ok((await readFile(join(folder, 'copy', 'blobs', 'sha256', layer))).length > 0);
    const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
    await run('buildah', [...storage, 'pull', '--tls-verify=false', `${host}/web:1.2.0`]);
    const listed = await run('buildah', [...storage, 'images', '--format', '{{.Digest}}']);
    assert.equal(listed.trim(), image);
    await run('buildah', [...storage, 'rmi', '--all']);
  }),
);

test('who opens many connections and says nothing keeps nobody else out for ever', () =>
  scene(async ({ server, get }) => {
    const sockets = Array.from({ length: 200 }, () => connect(server.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.on('error', () => {});
    sockets[0]?.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n');
    assert.equal((await get('/v2/')).status, 200);
    for (const socket of sockets) socket.destroy();
  }));

test('ten thousand tags are told in pages that end', async () => {
  const image = `sha256:${'0'.repeat(64)}` as Digest;
  const tags = Array.from({ length: 10_000 }, (_, at) => `web:${at}`);
  const list = async (): Promise<object> => [{ digest: image, tags, storedAt: 0 }];
  const server = await serveStore({ list } as unknown as ImageStore, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    onRequest: () => {},
    isOffered: async () => true,
  });
  try {
    const seen = new Set<string>();
    let [next, pages]: [string | null, number] = ['/v2/web/tags/list?n=100000', 0];
    for (; next !== null; pages += 1) {
      const answer: Response = await fetch(`http://127.0.0.1:${server.port}${next}`);
      for (const tag of ((await answer.json()) as { tags: string[] }).tags) seen.add(tag);
      next = /<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1] ?? null;
    }
    assert.deepEqual([seen.size, pages], [10_000, 10]);
  } finally {
    await server.close();
  }
});

test('what is not offered is not there, by tag or by digest, from the moment on', async () => {
  let offered = true;
  await scene(
    async ({ get, image }) => {
      assert.equal((await get('/v2/web/manifests/1.2.0')).status, 200);
      offered = false;
      for (const path of ['web/manifests/1.2.0', `web/manifests/${image}`, 'web/tags/list'])
        assert.equal((await get(`/v2/${path}`)).status, 404, path);
    },
    { isOffered: async () => offered },
  );
});

test('an address that is taken, or not of this machine, is said', () =>
  scene(async ({ store, server }) => {
    const at = { port: server.port, tls: null, onRequest: (): void => {}, isOffered: async (): Promise<boolean> => true };
    await assert.rejects(serveStore(store, { ...at, host: '127.0.0.1' }), { code: 'PORT_IN_USE' });
    await assert.rejects(serveStore(store, { ...at, host: '192.0.2.1' }), { code: 'USAGE' });
  }));
