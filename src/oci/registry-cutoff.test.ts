/** A registry whose answers end early, at every byte of a sample: nothing half is stored, and the next pull gets it all. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { openImageStore } from './layout.ts';
import { pullImage } from './pull.ts';
import { Registry, type RegistryOptions } from './registry.ts';
import { hostileRegistry, isBlob } from './testing/hostile-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

const ONCE: RegistryOptions = {
  credentials: () => Promise.resolve(null),
  transport: { stallMs: 20_000, attempts: 1, pauseMs: 1 },
};

for (const kind of ['manifests', 'blobs'] as const) {
  for (const way of ['breaks off', 'ends as if it were whole'] as const) {
    test(`of the ${kind}, every answer ${way} at each byte`, async () => {
      await using folder = await testFolder();
      const source = await openImageStore(join(folder.path, 'source'));
      const image = await putTestImage(source, [[fileEntry('a', 'a small file')]]);
      let cutAt: number | null = 0;
      let longest = 0;
      await using registry = await hostileRegistry(source, image, (request, response, honest) => {
        if (cutAt === null || honest === null || request.url?.includes(`/${kind}/`) !== true) return false;
        longest = Math.max(longest, honest.length);
        const start = isBlob(request) ? Number(/[0-9]+/.exec(request.headers.range ?? '')?.[0] ?? 0) : 0;
        const body = honest.subarray(start, Math.max(start, Math.min(cutAt, honest.length - 1)));
        const head = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
        const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${honest.length - 1}/${honest.length}` };
        const length = way === 'breaks off' ? { 'content-length': honest.length - start } : {};
        response.writeHead(start === 0 ? 200 : 206, { ...head, ...range, ...length });
        if (way === 'breaks off') response.write(body, () => response.destroy());
        else response.end(body);
        return true;
      });
      const store = await openImageStore(join(folder.path, 'store'));
      const pull = (): Promise<unknown> => pullImage(`${registry.host}/web@${image}`, store, ONCE);
      for (cutAt = 0; cutAt === 0 || cutAt < longest; cutAt += 1) {
        const error = await pull().then(
          () => null,
          (thrown: Error & { code: string }) => thrown,
        );
        assert.match(error?.code ?? 'none', /^(?:REGISTRY_UNREACHABLE|IMAGE_INVALID|DIGEST_MISMATCH)$/, `cut at ${cutAt}`);
        assert.deepEqual(await store.list(), []);
      }
      cutAt = null;
      assert.equal(await pull(), image);
    });
  }
}

test('the line breaks at each byte of an answer, its head included', async () => {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', '1')]]);
  const manifest = await readFile(await source.blobPath(image));
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: ${manifest.length}\r\n\r\n`;
  const answer = Buffer.concat([Buffer.from(head), manifest]);
  let cutAt = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(answer.subarray(0, cutAt), () => socket.destroy()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  try {
    const registry = new Registry({ registry: host, repository: 'web' }, ONCE);
    for (cutAt = 0; cutAt < answer.length; cutAt += 1) {
      await assert.rejects(registry.manifest(image), { code: 'REGISTRY_UNREACHABLE' }, `cut at ${cutAt}`);
    }
    assert.equal((await registry.manifest(image)).digest, image);
  } finally {
    server.close();
  }
});
