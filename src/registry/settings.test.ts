import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { openImageStore } from '../oci/layout.ts';
import { pullImage, resolveReference } from '../oci/pull.ts';
import { DEFAULT_SETTINGS, type RegistryOptions } from '../oci/registry.ts';
import { freePort } from '../oci/testing/docker-registry.ts';
import { hostileRegistry, isBlob } from '../oci/testing/hostile-registry.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { readRegistries, settingsPath } from './settings.ts';

test('registries.yaml is read with its defaults, and without one nothing is set', async () => {
  await using folder = await testFolder();
  const none = await readRegistries(folder.path);
  assert.deepEqual([none.push, none.serve, none.settings('docker.io')], [null, null, DEFAULT_SETTINGS]);
  const ca = join(folder.path, 'ca.pem');
  await writeFile(ca, 'a certificate');
  await writeFile(
    settingsPath(folder.path),
    `push: registry.example/team
registries:
  docker.io: { mirrors: ['mirror.example:5000/hub'] }
  registry.internal:5000: { plain-http: true }
  registry.example: { ca: ${ca} }
`,
  );
  const { push, settings } = await readRegistries(folder.path);
  assert.equal(push, 'registry.example/team');
  assert.deepEqual(settings('docker.io').mirrors, ['mirror.example:5000/hub']);
  assert.equal(settings('registry.internal:5000').plainHttp, true);
  assert.equal(settings('registry.example').authorities, 'a certificate');
});

const WRONG: readonly [text: string, code: string, message: RegExp][] = [
  ['registries: [', 'CONFIG_SYNTAX', /not well-formed/],
  ['registry: {}', 'CONFIG_INVALID', /registry/],
  ['registries: { "a b": {} }', 'CONFIG_INVALID', /registries/],
  ['registries: { a: { mirrors: ["https://mirror.example"] } }', 'CONFIG_INVALID', /registries\.a\.mirrors\.0: not HOST/],
  ['registries: { a: { ca: relative.pem } }', 'CONFIG_INVALID', /absolute/],
  ['registries: { a: { ca: /nonexistent.pem } }', 'FILE_UNREADABLE', /nonexistent/],
  ['push: registry.example', 'CONFIG_INVALID', /push/],
];

for (const [text, code, message] of WRONG) {
  test(`registries.yaml with ${text} is ${code}`, async () => {
    await using folder = await testFolder();
    await writeFile(settingsPath(folder.path), text);
    await assert.rejects(readRegistries(folder.path), { code, message });
  });
}

test('mirrors are asked in their order; one that is down, lacks it or lies is passed over, and nothing unproven is taken', async () => {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', randomBytes(50_000))]]);
  await using empty = await hostileRegistry(source, image, (_, response) => Boolean(response.writeHead(404).end()));
  await using liar = await hostileRegistry(
    source,
    image,
    (request, response, honest) => isBlob(request) && Boolean(response.end(honest?.with(9, 1))),
  );
  await using home = await hostileRegistry(source, image, () => false);
  const mirrors = [`127.0.0.1:${await freePort()}`, empty.host, `${liar.host}/cache`];
  const options: RegistryOptions = {
    credentials: () => Promise.resolve(null),
    transport: { attempts: 2, pauseMs: 1 },
    settings: (registry) => ({ ...DEFAULT_SETTINGS, mirrors: registry === home.host ? mirrors : [] }),
  };
  assert.equal((await resolveReference(`${home.host}/web:1`, options)).digest, image);
  assert.equal(home.requests.length, 0);
  const store = await openImageStore(join(folder.path, 'store'));
  assert.equal(await pullImage(`${home.host}/web:1`, store, options), image);
  assert.ok(empty.requests.length > 0);
  assert.ok(liar.requests.every((line) => line.includes('/v2/cache/web/')));
  assert.ok(home.requests.length > 0 && home.requests.every((line) => line.includes('/blobs/')));
});
