/** Uploads to registries that break off, forget, refuse chunks, or send elsewhere. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { sha256 } from '../platform/hash.ts';
import type { Credentials } from './docker-credentials.ts';
import { openImageStore } from './layout.ts';
import { pushImage, type PushOptions } from './push.ts';
import type { ImageStore } from './store.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';
import type { UploadMemory } from './upload.ts';

const OPTIONS: PushOptions = {
  credentials: () => Promise.resolve(null),
  transport: { stallMs: 20_000, attempts: 4, pauseMs: 1 },
  chunkBytes: 40_000,
};
const CONTENT_BYTES = 200_000;

/** What a registry in memory took; it follows the specification's chunked upload, and `before` may do something else. */
class Taker {
  readonly blobs = new Map<string, Buffer>();
  readonly uploads = new Map<string, Buffer>();
  readonly manifests = new Map<string, Buffer>();
  readonly requests: string[] = [];
  readonly seen: IncomingMessage[] = [];
  receivedBytes = 0;
  /** True: it has answered. */
  before: (request: IncomingMessage, response: ServerResponse, taker: Taker) => boolean = () => false;
  readonly server: Server = createServer((request, response) => void this.#answer(request, response));

  get host(): string {
    const address = this.server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.requests.push(`${method} ${url}`);
    this.seen.push(request);
    if (this.before(request, response, this)) return;
    const name = url.split('?')[0]?.split('/').at(-1) ?? '';
    if (url.includes('/manifests/')) return this.#manifest(method, name, request, response);
    if (method === 'HEAD') return void response.writeHead(this.blobs.has(name) ? 200 : 404).end();
    if (method === 'POST') {
      const id = `up-${this.uploads.size}`;
      this.uploads.set(id, Buffer.alloc(0));
      return void response.writeHead(202, { location: `/v2/web/blobs/uploads/${id}` }).end();
    }
    const had = this.uploads.get(name);
    if (had === undefined) return void response.writeHead(404).end();
    if (method === 'GET') return this.#status(response, name, 204);
    // As it comes: what breaks off is kept as far as it got.
    const received = (chunk: Buffer): void => {
      this.receivedBytes += chunk.length;
      this.uploads.set(name, Buffer.concat([this.uploads.get(name) ?? Buffer.alloc(0), chunk]));
    };
    const said = /^([0-9]+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (said !== undefined && Number(said) !== had.length) return void response.writeHead(416).end();
    try {
      for await (const chunk of request) received(chunk as Buffer);
    } catch {
      return;
    }
    if (method === 'PATCH') return this.#status(response, name, 202);
    const whole = this.uploads.get(name) ?? Buffer.alloc(0);
    const digest = new URL(url, 'http://x').searchParams.get('digest') ?? '';
    if (sha256(whole) !== digest) return void response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
    this.blobs.set(digest, whole);
    response.writeHead(201).end();
  }

  #status(response: ServerResponse, name: string, status: number): void {
    const length = this.uploads.get(name)?.length ?? 0;
    response.writeHead(status, { location: `/v2/web/blobs/uploads/${name}`, range: `0-${Math.max(0, length - 1)}` }).end();
  }

  async #manifest(method: string, name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method !== 'PUT') return void response.writeHead(404).end();
    this.manifests.set(name, Buffer.concat(await request.toArray()));
    response.writeHead(201).end();
  }
}

async function withTaker(use: (taker: Taker, store: ImageStore, image: Digest) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'store'));
  const image = await putTestImage(store, [[fileEntry('a', randomBytes(CONTENT_BYTES))]]);
  const taker = new Taker();
  taker.server.listen(0, '127.0.0.1');
  await once(taker.server, 'listening');
  try {
    await use(taker, store, image);
  } finally {
    taker.server.close();
    taker.server.closeAllConnections();
  }
}

async function isWhole(taker: Taker, store: ImageStore, image: Digest): Promise<void> {
  const { layers } = await store.image(image);
  for (const { descriptor } of layers) assert.equal(taker.blobs.get(descriptor.digest)?.length, descriptor.size);
  assert.equal(sha256(taker.manifests.get('1') ?? ''), image);
}

/** Breaks the line of the nth chunk in its middle. */
function breakingAt(chunks: readonly number[]): Taker['before'] {
  let count = 0;
  return (request) => {
    if (request.method !== 'PATCH') return false;
    count += 1;
    if (chunks.includes(count)) request.once('data', () => request.destroy());
    return false;
  };
}

test('an upload that breaks off goes on where the registry says that it got', () =>
  withTaker(async (taker, store, image) => {
    taker.before = breakingAt([2, 4, 5]);
    await pushImage(image, `${taker.host}/web:1`, store, OPTIONS);
    await isWhole(taker, store, image);
    assert.ok(taker.requests.some((line) => line.startsWith('GET /v2/web/blobs/uploads/')));
    assert.equal(taker.requests.filter((line) => line.startsWith('POST')).length, 2, 'one upload a blob');
  }));

test('another process goes on with an upload, which is asked for by what was remembered', () =>
  withTaker(async (taker, store, image) => {
    const kept = new Map<string, string>();
    const uploads: UploadMemory = {
      recall: async (key) => kept.get(key) ?? null,
      keep: async (key, location) => void kept.set(key, location),
      forget: async (key) => void kept.delete(key),
    };
    const controller = new AbortController();
    let chunks = 0;
    taker.before = (request) => {
      if (request.method === 'PATCH' && (chunks += 1) === 3) controller.abort(new Error('Ctrl-C'));
      return false;
    };
    const options = { ...OPTIONS, uploads };
    await assert.rejects(pushImage(image, `${taker.host}/web:1`, store, { ...options, signal: controller.signal }), /Ctrl-C/);
    assert.equal(taker.manifests.size, 0);
    const before = taker.receivedBytes;
    assert.ok(before >= 3 * 40_000, 'the chunk under way is finished');
    taker.before = () => false;
    await pushImage(image, `${taker.host}/web:1`, store, options);
    await isWhole(taker, store, image);
    const { size } = await store.image(image);
    assert.ok(taker.receivedBytes < size + 10_000, `${taker.receivedBytes} of ${size} bytes were sent`);
    assert.equal(kept.size, 0);
  }));

test('a registry that forgot the upload, or takes no chunks, gets the blob from the start', () =>
  withTaker(async (taker, store, image) => {
    let chunks = 0;
    taker.before = (request, _, { uploads }) => {
      if (request.method === 'PATCH' && (chunks += 1) === 2) uploads.clear();
      return false;
    };
    await pushImage(image, `${taker.host}/web:1`, store, OPTIONS);
    await isWhole(taker, store, image);
    taker.blobs.clear();
    taker.before = (request, response) => request.method === 'PATCH' && Boolean(response.writeHead(405).end());
    await pushImage(image, `${taker.host}/web:2`, store, OPTIONS);
    assert.ok(taker.requests.filter((line) => line.startsWith('PATCH')).length < 10);
    assert.equal(taker.blobs.size, 2);
  }));

test('an upload that is sent to another host takes no credentials along', () =>
  withTaker(async (taker, store, image) => {
    const elsewhere = new Taker();
    elsewhere.server.listen(0, '127.0.0.1');
    await once(elsewhere.server, 'listening');
    try {
      const credentials: Credentials = { kind: 'password', username: 'me', password: 'top-secret' };
      taker.before = (request, response) => {
        if (request.headers.authorization === undefined)
          return Boolean(response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end());
        if (request.method !== 'POST') return false;
        elsewhere.uploads.set(`up-${taker.requests.length}`, Buffer.alloc(0));
        const location = `http://${elsewhere.host}/v2/web/blobs/uploads/up-${taker.requests.length}`;
        return Boolean(response.writeHead(202, { location }).end());
      };
      await pushImage(image, `${taker.host}/web:1`, store, { ...OPTIONS, credentials: () => Promise.resolve(credentials) });
      assert.equal(elsewhere.blobs.size, 2);
      assert.ok(elsewhere.seen.every(({ headers }) => headers.authorization === undefined));
    } finally {
      elsewhere.server.close();
      elsewhere.server.closeAllConnections();
    }
  }));

function forget({ uploads }: Taker): false {
  uploads.clear();
  return false;
}

const LIES: readonly [why: string, before: Taker['before'], code: string][] = [
  [
    'names no address',
    (request, response) => request.method === 'POST' && Boolean(response.writeHead(202).end()),
    'REGISTRY_PROTOCOL',
  ],
  [
    'names a file',
    (request, response) =>
      request.method === 'POST' && Boolean(response.writeHead(202, { location: 'file:///etc/passwd' }).end()),
    'REGISTRY_PROTOCOL',
  ],
  [
    'stores another manifest',
    (request, response) =>
      request.method === 'PUT' &&
      request.url?.includes('/manifests/') === true &&
      Boolean(response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end()),
    'REGISTRY_PROTOCOL',
  ],
  ['refuses', (request, response) => request.method === 'POST' && Boolean(response.writeHead(403).end()), 'REGISTRY_DENIED'],
  ['loses every upload', (_, __, taker) => forget(taker), 'REGISTRY_UNREACHABLE'],
];

for (const [why, before, code] of LIES) {
  test(`a push to a registry that ${why} is ${code}`, () =>
    withTaker(async (taker, store, image) => {
      taker.before = before;
      await assert.rejects(pushImage(image, `${taker.host}/web:1`, store, OPTIONS), { code });
    }));
}
