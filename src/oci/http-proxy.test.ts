/** Registries behind the proxy that the environment names; the loopback never. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { openImageStore } from './layout.ts';
import { pullImage } from './pull.ts';
import { DEFAULT_SETTINGS, type RegistryOptions } from './registry.ts';
import { hostileRegistry } from './testing/hostile-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

test('a registry elsewhere is asked through the proxy, one on this machine is not', async () => {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', '1')]]);
  await using registry = await hostileRegistry(source, image, () => false);
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    const url = new URL(request.url ?? '');
    asked.push(url.host);
    forward(`http://${registry.host}${url.pathname}`, { method: request.method }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    }).end();
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  // Before the first request: connections are kept with what the environment said when they were made.
  process.env['HTTP_PROXY'] = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  try {
    const options: RegistryOptions = {
      credentials: () => Promise.resolve(null),
      transport: { attempts: 1, pauseMs: 1 },
      settings: () => ({ ...DEFAULT_SETTINGS, plainHttp: true }),
    };
    const store = await openImageStore(join(folder.path, 'store'));
    assert.equal(await pullImage(`${registry.host}/web:1`, store, options), image);
    assert.deepEqual(asked, []);
    const other = await openImageStore(join(folder.path, 'other'));
    assert.equal(await pullImage('registry.invalid:5000/web:1', other, options), image);
    assert.ok(asked.length >= 2 && asked.every((host) => host === 'registry.invalid:5000'));
  } finally {
    delete process.env['HTTP_PROXY'];
    proxy.close();
    proxy.closeAllConnections();
  }
});
