/** A Kiln that pulls from a Kiln fetches what is new in a layer, and nothing is taken but what has the layer's digest. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as forward } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import type { Digest } from '../../domain/digest.ts';
import { chunksOf, decodeChunks, encodeChunks, type Chunk } from '../../oci/chunks.ts';
import { writeLayer } from '../../oci/layer-writer.ts';
import { openImageStore } from '../../oci/layout.ts';
import { pullImage } from '../../oci/pull.ts';
import type { ImageStore, Layer } from '../../oci/store.ts';
import { configOf, fileEntry, testFolder } from '../../oci/testing/images.ts';
import { sha256 } from '../../platform/hash.ts';
import { serveStore } from './server.ts';
import { tarRangesOf } from './parts.ts';

const FILES = 16;
const FILE_BYTES = 400_000;

type Files = ReadonlyMap<string, Buffer>;

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
  readonly files: Map<string, Buffer>;
  /** Pulls through what `twist` does to the answers of the serving Kiln; answers how many bytes were moved. */
  readonly pull: (image: Digest, twist?: (path: string, body: Buffer) => Buffer) => Promise<number>;
}

/** Two stores that both have an image of one layer of 6 MB. */
async function neighbours(play: (scene: Neighbours) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  const [from, to] = [await openImageStore(join(folder.path, 'from')), await openImageStore(join(folder.path, 'to'))];
  const server = await serveStore(from, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    onRequest: () => {},
    isOffered: async () => true,
  });
  let twisted = (_: string, body: Buffer): Buffer => body;
  const proxy = createServer((request, response) => {
    const target = { method: request.method, headers: { ...request.headers, connection: 'close' } };
    const sent = forward(`http://127.0.0.1:${server.port}${request.url}`, target).end();
    void once(sent, 'response').then(async ([answer]: IncomingMessage[]) => {
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer?.headers ?? {};
      const body = Buffer.concat((await answer?.toArray()) as Buffer[]);
      return response.writeHead(answer?.statusCode ?? 500, headers).end(twisted(request.url ?? '', body));
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const pull: Neighbours['pull'] = async (image, twist = (_, body) => body) => {
    twisted = twist;
    let moved = 0;
    const options = { credentials: () => Promise.resolve(null), transport: { attempts: 2, pauseMs: 1 } };
    const onProgress = ({ movedBytes }: { movedBytes: number }): void => void (moved = movedBytes);
    assert.equal(await pullImage(`${host}/any@${image}`, to, { ...options, onProgress }), image);
    for await (const _ of await to.openLayer((await to.image(image)).layers[0] as Layer)) void _;
    return moved;
  };
  try {
    const files = new Map(Array.from({ length: FILES }, (_, at) => [`f${at}`, randomBytes(FILE_BYTES)] as const));
    const first = await putImage(from, await layerOf(from, files));
    assert.ok((await pull(first)) > FILES * FILE_BYTES, 'the first is fetched whole');
    await play({ from, to, files, pull });
  } finally {
    await server.close();
    proxy.close();
    proxy.closeAllConnections();
  }
}

test('of a layer with new and changed files, little more than what is new is moved', () =>
  neighbours(async ({ from, files, pull }) => {
    const changed = [randomBytes(1_000_000), randomBytes(500_000)] as const;
    files.set('a-new', changed[0]);
    files.set('f10', Buffer.concat([files.get('f10') ?? Buffer.alloc(0), changed[1]]));
    files.delete('f12');
    const moved = await pull(await putImage(from, await layerOf(from, files)));
    const bytes = changed[0].length + changed[1].length;
    assert.ok(moved <= 1.3 * bytes, `${moved} for ${bytes} changed`);
    assert.equal(await pull(await putImage(from, await layerOf(from, files))), 0);
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

const LIES: readonly [why: string, twist: (path: string, body: Buffer) => Buffer][] = [
  ['other bytes', (path, body) => (path.includes('/_kiln/tar/') ? zstdCompressSync(randomBytes(100_000)) : body)],
  ['bytes that are not compressed', (path, body) => (path.includes('/_kiln/tar/') ? randomBytes(1000) : body)],
  ['half of them', (path, body) => (path.includes('/_kiln/tar/') ? body.subarray(0, body.length / 2) : body)],
  ['a bomb', (path, body) => (path.includes('/_kiln/tar/') ? zstdCompressSync(Buffer.alloc(200 << 20)) : body)],
  ['no list', (path, body) => (path.includes('/_kiln/chunks/') ? Buffer.from('no list') : body)],
  ['a list of nothing', (path, body) => (path.includes('/_kiln/chunks/') ? Buffer.alloc(0) : body)],
  [
    'another list',
    (path, body) => (path.includes('/_kiln/chunks/') ? Buffer.concat([body.subarray(10), body.subarray(0, 10)]) : body),
  ],
];

for (const [why, twist] of LIES) {
  test(`a Kiln that sends ${why} is not believed: the layer comes whole`, () =>
    neighbours(async ({ from, to, files, pull }) => {
      files.set('f1', randomBytes(FILE_BYTES));
      const image = await putImage(from, await layerOf(from, files));
      assert.ok((await pull(image, twist)) > FILES * FILE_BYTES);
      assert.equal((await to.image(image)).digest, image);
    }));
}

const chunksIn = async (bytes: Buffer, piece: number): Promise<readonly Chunk[]> => {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  const found: Chunk[] = [];
  for await (const chunk of chunksOf(pieces(), () => Promise.resolve())) found.push(chunk);
  return found;
};

test('chunks depend on the content alone, and what is inserted moves few of them', async () => {
  const bytes = randomBytes(3_000_000);
  const chunks = await chunksIn(bytes, 65_536);
  assert.deepEqual(await chunksIn(bytes, 1_000), chunks);
  assert.deepEqual(await chunksIn(bytes, 3_000_000), chunks);
  assert.equal(
    chunks.reduce((sum, { length }) => sum + length, 0),
    bytes.length,
  );
  const inserted = await chunksIn(
    Buffer.concat([bytes.subarray(0, 1_000_000), Buffer.from('x'), bytes.subarray(1_000_000)]),
    65_536,
  );
  const known = new Set(chunks.map(({ hash }) => hash));
  assert.ok(inserted.filter(({ hash }) => !known.has(hash)).length <= 3);
  assert.deepEqual(decodeChunks(encodeChunks(chunks)), chunks);
  assert.equal(decodeChunks(Buffer.alloc(19)), null);
});

test('ranges of a tar are ascending and apart', () => {
  assert.deepEqual(tarRangesOf('0-5,7-9'), [
    { start: 0, end: 5 },
    { start: 7, end: 9 },
  ]);
  for (const wrong of [undefined, '', '5-5', '5-4', '0-5,4-9', '7-9,0-5', 'a-b', '0-1,', '0-1,'.repeat(2000)])
    assert.equal(tarRangesOf(wrong), null, String(wrong).slice(0, 20));
});
