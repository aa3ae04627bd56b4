/** A Kiln that pulls from a Kiln fetches what is new, and nothing is taken but what has its digest. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as forward } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import type { Digest } from '../../domain/digest.ts';
import { encodeWindow } from '../../oci/delta/form.ts';
import { writeLayer } from '../../oci/layer-writer.ts';
import { openImageStore } from '../../oci/layout.ts';
import { pullImage } from '../../oci/pull.ts';
import type { ImageStore, Layer } from '../../oci/store.ts';
import { configOf, fileEntry, testFolder } from '../../oci/testing/images.ts';
import { CHANGES, FILE_BYTES, FILES, type Files, filesBefore, seeded } from '../../oci/testing/changes.ts';
import { openWire } from '../../oci/testing/wire.ts';
import { sha256 } from '../../platform/hash.ts';
import { serveStore } from './server.ts';

/** What issue and docs/registries.md promise. */
const MOST = 1.3;
async function putImage(store: ImageStore, layer: Layer): Promise<Digest> {
  const config = { ...configOf([layer]), history: [{ created_by: 'kiln: image: files' }] };
  return store.putImage(config, [layer], {});
}

const layerOf = (store: ImageStore, files: Files): Promise<Layer> =>
  writeLayer(
    store,
    [...files].map(([path, content]) => fileEntry(path, content)),
    { epochSeconds: 1_000_000_000 },
  );

interface Neighbours {
  readonly from: ImageStore;
  readonly to: ImageStore;
  readonly files: Files;
  /** Answers how many bytes went over the wire, heads of requests included, both ways. */
  readonly pull: (image: Digest) => Promise<number>;
  /** The same through what `twist` does to the bodies that the serving Kiln answers. */
  readonly pullTwisted: (image: Digest, twist: (path: string, body: Buffer) => Buffer) => Promise<number>;
}

/** Two stores that both have an image of one layer of 10 MB. */
async function neighbours(play: (scene: Neighbours) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  const [from, to] = [await openImageStore(join(folder.path, 'from')), await openImageStore(join(folder.path, 'to'))];
  const options = { host: '127.0.0.1', port: 0, tls: null, onRequest: () => {}, isOffered: async () => true };
  const server = await serveStore(from, options);
  const take = async (host: string, image: Digest): Promise<void> => {
    const quick = { credentials: () => Promise.resolve(null), transport: { attempts: 2, pauseMs: 1 } };
    assert.equal(await pullImage(`${host}/any@${image}`, to, quick), image);
    for await (const _ of await to.openLayer((await to.image(image)).layers[0] as Layer)) void _;
  };
  const through = async (port: number, image: Digest): Promise<number> => {
    await using wire = await openWire(port);
    await take(wire.host, image);
    return wire.bytes;
  };
  try {
    const files = await filesBefore();
    const first = await putImage(from, await layerOf(from, files));
    assert.ok((await through(server.port, first)) > FILES * FILE_BYTES, 'the first is fetched whole');
    await play({
      from,
      to,
      files,
      pull: (image) => through(server.port, image),
      pullTwisted: (image, twist) => twisted(server.port, twist, (port) => through(port, image)),
    });
  } finally {
    await server.close();
  }
}

async function twisted<T>(
  port: number,
  twist: (path: string, body: Buffer) => Buffer,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const proxy = createServer((request, response) => {
    const target = { method: request.method, headers: { ...request.headers, connection: 'close' } };
    const sent = forward(`http://127.0.0.1:${port}${request.url}`, target);
    request.pipe(sent);
    void once(sent, 'response').then(async ([answer]: IncomingMessage[]) => {
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer?.headers ?? {};
      const body = Buffer.concat((await answer?.toArray()) as Buffer[]);
      return response.writeHead(answer?.statusCode ?? 500, headers).end(twist(request.url ?? '', body));
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  try {
    return await use(typeof address === 'object' ? (address?.port ?? 0) : 0);
  } finally {
    proxy.close();
    proxy.closeAllConnections();
  }
}

for (const [what, edit] of Object.entries(CHANGES)) {
  test(`at most 1.3 times what is changed is moved: ${what}`, () =>
    neighbours(async ({ from, files, pull }) => {
      const changed = edit(files);
      const image = await putImage(from, await layerOf(from, files));
      const moved = await pull(image);
      assert.ok(moved <= MOST * changed, `${moved} for ${changed} changed`);
      assert.ok((await pull(image)) < 3_000, 'again, it is here');
    }));
}

test('of an image that the other side no longer has, its chunks say what is new', () =>
  neighbours(async ({ from, files, pull }) => {
    files.set('a-new', seeded('new', 1_000_000));
    const image = await putImage(from, await layerOf(from, files));
    await from.collect(await from.planGc(new Set([image]), -10_000));
    assert.equal((await from.list()).length, 1);
    const moved = await pull(image);
    assert.ok(moved <= MOST * 1_000_000, `${moved} for 1,000,000 changed`);
  }));

test('whoever asks at the same moment gets the same delta', () =>
  neighbours(async ({ from, files, pull }) => {
    files.set('f1', randomBytes(FILE_BYTES));
    const image = await putImage(from, await layerOf(from, files));
    const moved = await Promise.all([pull(image), pull(image)]);
    assert.ok(Math.max(...moved) < 2 * FILE_BYTES, String(moved));
  }));

test('a layer that another program compressed is fetched whole, and is what it was', () =>
  neighbours(async ({ from, files, pull }) => {
    files.set('f1', randomBytes(FILE_BYTES));
    const made = await layerOf(from, files);
    const tar = Buffer.concat(await (await from.openLayer(made)).toArray());
    const blob = await from.putBlob(gzipSync(tar, { level: 9 }));
    const layer = { descriptor: { mediaType: made.descriptor.mediaType, ...blob }, diffId: sha256(tar) };
    assert.ok((await pull(await putImage(from, layer))) > layer.descriptor.size);
  }));

const ofDelta =
  (lie: (body: Buffer) => Buffer) =>
  (path: string, body: Buffer): Buffer =>
    path.includes('/_kiln/delta/') ? lie(body) : body;

const BOMB = encodeWindow({ length: 1_000, ranges: [], frame: zstdCompressSync(Buffer.alloc(200 << 20)) });
const ALL = { start: 0, end: FILES * FILE_BYTES };
const ENDLESS = encodeWindow({ length: 8_000 * ALL.end, ranges: Array.from({ length: 8_000 }, () => ALL), frame: null });
const BEYOND = encodeWindow({ length: 10, ranges: [{ start: 2 ** 40, end: 2 ** 40 + 10 }], frame: null });

const LIES: readonly [why: string, lie: (body: Buffer) => Buffer][] = [
  ['other bytes', () => randomBytes(100_000)],
  ['half of them', (body) => body.subarray(0, body.length / 2)],
  ['nothing', () => Buffer.alloc(0)],
  ['a bomb', () => BOMB],
  ['copies without end', () => ENDLESS],
  ['what is not there', () => BEYOND],
];

for (const [why, lie] of LIES) {
  test(`a Kiln that sends ${why} is not believed: the layer comes whole`, () =>
    neighbours(async ({ from, to, files, pullTwisted }) => {
      files.set('f1', randomBytes(FILE_BYTES));
      const image = await putImage(from, await layerOf(from, files));
      assert.ok((await pullTwisted(image, ofDelta(lie))) > FILES * FILE_BYTES);
      assert.equal((await to.image(image)).digest, image);
    }));
}
