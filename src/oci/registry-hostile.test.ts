import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import type { Digest } from '../domain/digest.ts';
import { systemClock } from '../platform/clock.ts';
import { openImageStore } from './layout.ts';
import { pullImage, resolveReference } from './pull.ts';
import type { RegistryOptions } from './registry.ts';
import type { ImageStore } from './store.ts';
import { type HostileRegistry, hostileRegistry, isBlob, type Twist } from './testing/hostile-registry.ts';
import { freePort } from './testing/docker-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

const nobody = (): Promise<null> => Promise.resolve(null);
const OPTIONS: RegistryOptions = { credentials: nobody, transport: { stallMs: 2000, attempts: 3, pauseMs: 1 } };

interface Scene {
  readonly registry: HostileRegistry;
  readonly store: ImageStore;
  readonly image: Digest;
  readonly layout: string;
  readonly pull: (options?: RegistryOptions) => Promise<Digest>;
}

/** An image with one layer of some 300 KB behind a registry with a twist, and an empty store. */
async function scene(twist: Twist, play: (scene: Scene) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', randomBytes(300_000))]]);
  await using registry = await hostileRegistry(source, image, twist);
  const layout = join(folder.path, 'layout');
  const store = await openImageStore(layout);
  const pull = (options: RegistryOptions = OPTIONS): Promise<Digest> => pullImage(`${registry.host}/web:1`, store, options);
  await play({ registry, store, image, layout, pull });
}

const hasNothing = async ({ store, layout }: Scene): Promise<void> => {
  assert.deepEqual(await store.list(), []);
  const kept = await readdir(join(layout, '.incoming')).catch(() => []);
  assert.ok(
    kept.every((name) => name.endsWith('.partial')),
    `left behind: ${kept.join(', ')}`,
  );
};

test('a transfer that is cut at every 50 KB goes on by ranges until it is whole', () =>
  scene(
    (request, response, honest) => {
      if (!isBlob(request) || honest === null || honest.length < 10_000) return false;
      const start = Number(/[0-9]+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      const headers = {
        'content-length': honest.length - start,
        'content-range': `bytes ${start}-${honest.length - 1}/${honest.length}`,
      };
      response.writeHead(start === 0 ? 200 : 206, headers);
      const cut = honest.subarray(start, start + 50_000);
      response.write(cut, () => (start + cut.length === honest.length ? response.end() : response.destroy()));
      return true;
    },
    async ({ pull, image, registry }) => {
      // What arrives together with the cut may be lost to the reader, so that a try may bring nothing: many are allowed.
      assert.equal(await pull({ ...OPTIONS, transport: { ...OPTIONS.transport, attempts: 100 } }), image);
      assert.ok(registry.requests.filter((line) => line.includes('/blobs/')).length > 5);
    },
  ));

test('a registry that knows no ranges is read from the start again', () => {
  let cuts = 0;
  return scene(
    (request, response, honest) => {
      if (!isBlob(request) || honest === null || honest.length < 10_000) return false;
      response.writeHead(200, { 'content-length': honest.length });
      if ((cuts += 1) > 2) return Boolean(response.end(honest));
      response.write(honest.subarray(0, 1000 * cuts), () => response.destroy());
      return true;
    },
    async ({ pull, image }) => assert.equal(await pull(), image),
  );
});

test('a pull that failed is gone on with by the next one', () => {
  let isDown = false;
  return scene(
    (request, response, honest) => {
      if (isDown) return Boolean(response.destroy());
      if (!isBlob(request) || honest === null || honest.length < 10_000 || request.headers.range !== undefined) return false;
      response.writeHead(200, { 'content-length': honest.length });
      response.write(honest.subarray(0, 200_000), () => response.destroy());
      isDown = true;
      return true;
    },
    async (scene) => {
      await assert.rejects(scene.pull(), { code: 'REGISTRY_UNREACHABLE' });
      await hasNothing(scene);
      isDown = false;
      assert.equal(await scene.pull(), scene.image);
      assert.equal(
        scene.registry.requests.filter((line) => line.startsWith('GET') && line.includes('/blobs/')).length >= 2,
        true,
      );
    },
  );
});

test('silence ends by itself, in the head and in the body', async () => {
  const quick: RegistryOptions = { credentials: nobody, transport: { stallMs: 50, attempts: 2, pauseMs: 1 } };
  await scene(
    () => true,
    ({ pull }) => assert.rejects(pull(quick), { code: 'REGISTRY_UNREACHABLE', message: /said nothing for 50 ms/ }),
  );
  await scene(
    (request, response, honest) => isBlob(request) && response.writeHead(200).write(honest?.subarray(0, 10)),
    ({ pull }) => assert.rejects(pull(quick), { code: 'REGISTRY_UNREACHABLE', message: /said nothing/ }),
  );
});

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const AMD64 = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };

const indexOf = (digest: string): object => ({
  schemaVersion: 2,
  mediaType: INDEX,
  manifests: [{ mediaType: INDEX, digest, size: 1, platform: AMD64 }],
});

type Members = Readonly<Record<string, unknown>>;

/** Another manifest under whatever name is asked for. */
function withBody(body: string): Twist {
  return (request, response) =>
    request.url?.includes('/manifests/') === true && Boolean(response.writeHead(200, { 'content-type': MANIFEST }).end(body));
}

/** The honest manifest, changed. An index can't name itself by digest: it names what it likes, and lies about which it is. */
function withManifest(change: (manifest: Members, image: string) => object): Twist {
  return (request, response, honest) => {
    if (request.url?.includes('/manifests/') !== true) return false;
    const manifest = JSON.parse(honest?.toString() ?? '{"config":{}}') as Members;
    const body = JSON.stringify(change(manifest, `sha256:${'1'.repeat(64)}`));
    return withBody(body)(request, response, honest);
  };
}

const withLayer = (change: object): Twist =>
  withManifest((manifest) => ({
    ...manifest,
    layers: (manifest['layers'] as object[]).map((layer) => ({ ...layer, ...change })),
  }));

const LIES: readonly [why: string, twist: Twist, code: string][] = [
  [
    'another blob',
    (request, response, honest) => isBlob(request) && Boolean(response.end(honest?.with(9, 1))),
    'DIGEST_MISMATCH',
  ],
  [
    'a blob that does not end',
    (request, response, honest) => isBlob(request) && Boolean(response.end(Buffer.alloc((honest?.length ?? 0) + 1))),
    'DIGEST_MISMATCH',
  ],
  [
    'a manifest of another digest',
    (request, response, honest) =>
      sendManifest(request, response, honest, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }),
    'DIGEST_MISMATCH',
  ],
  [
    'a manifest that does not end',
    (request, response) => request.url?.includes('/manifests/') === true && Boolean(response.end(Buffer.alloc(5 << 20, 0x20))),
    'IMAGE_INVALID',
  ],
  ['a page of HTML', (_, response) => Boolean(response.end('<html>Welcome!')), 'IMAGE_INVALID'],
  [
    'a redirect in circles',
    (request, response) => Boolean(response.writeHead(307, { location: request.url }).end()),
    'REGISTRY_PROTOCOL',
  ],
  [
    'a redirect to a file',
    (_, response) => Boolean(response.writeHead(307, { location: 'file:///etc/passwd' }).end()),
    'REGISTRY_PROTOCOL',
  ],
  [
    'a redirect to nothing',
    (_, response) => Boolean(response.writeHead(307, { location: 'http://' }).end()),
    'REGISTRY_PROTOCOL',
  ],
  ['an unknown status', (_, response) => Boolean(response.writeHead(418).end()), 'REGISTRY_PROTOCOL'],
  [
    'a refusal',
    (_, response) => Boolean(response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not\\u001b[31m you"}]}')),
    'REGISTRY_DENIED',
  ],
  ['a 401 without a challenge', (_, response) => Boolean(response.writeHead(401).end()), 'REGISTRY_PROTOCOL'],
  [
    'a head without end',
    (_, response) => Boolean(response.writeHead(200, { x: 'y'.repeat(60_000) }).end()),
    'REGISTRY_UNREACHABLE',
  ],
  [
    'a manifest that is a decompression bomb',
    (request, response) =>
      request.url?.includes('/manifests/') === true &&
      Boolean(
        response
          .writeHead(200, { 'content-type': MANIFEST, 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(100 << 20, '{"a":'))),
      ),
    'IMAGE_INVALID',
  ],
  ['a layer of negative size', withLayer({ size: -1 }), 'IMAGE_INVALID'],
  ['a layer of half a byte', withLayer({ size: 0.5 }), 'IMAGE_INVALID'],
  ['a layer larger than any disk', withLayer({ size: 2 ** 60 }), 'IMAGE_INVALID'],
  ['a layer of another size than it has', withLayer({ size: 300_001 }), 'DIGEST_MISMATCH'],
  ['a layer by another kind of digest', withLayer({ digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' }), 'IMAGE_INVALID'],
  ['a layer whose digest is a path', withLayer({ digest: 'sha256:../../../etc/passwd' }), 'IMAGE_INVALID'],
  ['a layer that is no layer', withLayer({ mediaType: 'text/html' }), 'IMAGE_INVALID'],
  [
    'a million layers',
    withManifest((manifest) => ({ ...manifest, layers: Array(40_000).fill(manifest['config']) })),
    'IMAGE_INVALID',
  ],
  ['a manifest nested too deep', withBody('['.repeat(2_000_000)), 'IMAGE_INVALID'],
  ['an index of itself for ever', withManifest((_, image) => indexOf(image)), 'DIGEST_MISMATCH'],
  ['errors only', (_, response) => Boolean(response.writeHead(503).end()), 'REGISTRY_UNREACHABLE'],
  ['a closed line', (_, response) => Boolean(response.destroy()), 'REGISTRY_UNREACHABLE'],
];

function sendManifest(...[request, response, honest, headers]: [...Parameters<Twist>, Record<string, string>]): boolean {
  if (request.url?.includes('/manifests/') !== true) return false;
  return Boolean(
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', ...headers }).end(honest),
  );
}

for (const [why, twist, code] of LIES) {
  test(`a registry that answers with ${why} is ${code}, and the store has nothing of it`, () =>
    scene(twist, async (scene) => {
      await assert.rejects(scene.pull(), { code });
      await hasNothing(scene);
    }));
}

test('what a registry says reaches a person as one plain line', () =>
  scene(
    (_, response) => Boolean(response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not\\u001b[31m\\nyou"}]}')),
    ({ pull }) => assert.rejects(pull(), { message: /DENIED not \[31m you$/ }),
  ));

test('a digest in the reference is what is pulled, or nothing', () =>
  scene(
    (request, response, honest) =>
      sendManifest(request, response, Buffer.concat([honest ?? Buffer.alloc(0), Buffer.from(' ')]), {}),
    async ({ registry, store, image }) => {
      await assert.rejects(pullImage(`${registry.host}/web@${image}`, store, OPTIONS), { code: 'DIGEST_MISMATCH' });
      await assert.rejects(resolveReference(`${registry.host}/web@${image}`, OPTIONS), { code: 'DIGEST_MISMATCH' });
    },
  ));

test('a registry that is busy is asked again when it says, and not before', () => {
  const slept: number[] = [];
  let refusals = 0;
  const clock = { ...systemClock, sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
  return scene(
    (_, response) =>
      (refusals += 1) <= 2 && Boolean(response.writeHead(429, { 'retry-after': refusals === 1 ? '7' : '60' }).end()),
    async ({ pull, image }) => {
      assert.equal(await pull({ ...OPTIONS, transport: { attempts: 3, pauseMs: 1, clock } }), image);
      assert.deepEqual(slept, [7000, 60_000]);
    },
  );
});

test('a registry that sends a byte now and then is cut off, however long it would go on', async () => {
  const quick: RegistryOptions = { credentials: nobody, transport: { stallMs: 300, attempts: 2, pauseMs: 1 } };
  const dribbling: Twist = (request, response, honest) => {
    if (!isBlob(request) || honest === null) return false;
    response.writeHead(200, { 'content-length': honest.length });
    let at = 0;
    const timer = setInterval(() => response.write(honest.subarray(at, (at += 1))), 60);
    response.once('close', () => clearInterval(timer));
    return true;
  };
  await scene(dribbling, async (scene) => {
    await assert.rejects(scene.pull(quick), { code: 'REGISTRY_UNREACHABLE', message: /it sent [0-9]+ bytes in [0-9]+ ms/ });
    await hasNothing(scene);
  });
});

test('a registry that asks for hours of patience is told of, with its limit, and not waited for', () =>
  scene(
    (_, response) =>
      Boolean(
        response
          .writeHead(429, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600', 'retry-after': '7200' })
          .end(),
      ),
    ({ pull }) =>
      assert.rejects(pull(), { code: 'REGISTRY_LIMITED', message: /120 minutes: .*429 \(100 requests in 360 minutes, 0 left\)/ }),
  ));

test('a pull that is aborted ends with the reason', () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  return scene(
    (request) => {
      if (isBlob(request)) controller.abort(reason);
      return isBlob(request);
    },
    ({ pull }) => assert.rejects(pull({ ...OPTIONS, signal: controller.signal }), reason),
  );
});

test('nobody listening is REGISTRY_UNREACHABLE with the reason', async () => {
  await using folder = await testFolder();
  const store = await openImageStore(folder.path);
  const pull = (registry: string): Promise<Digest> => pullImage(`${registry}/web:1`, store, OPTIONS);
  await assert.rejects(pull(`127.0.0.1:${await freePort()}`), {
    code: 'REGISTRY_UNREACHABLE',
    message: /failed 3 times.*ECONNREFUSED/,
  });
  await assert.rejects(pull('nowhere.invalid'), { code: 'REGISTRY_UNREACHABLE', message: /ENOTFOUND|EAI_AGAIN/ });
});

test('a registry elsewhere is not spoken to without TLS unless it is named', () =>
  scene(
    () => false,
    async ({ registry, store, image }) => {
      const elsewhere = `kiln-test.localhost:${registry.host.split(':')[1]}`;
      await assert.rejects(pullImage(`${elsewhere}/web:1`, store, OPTIONS), {
        code: 'REGISTRY_UNREACHABLE',
        message: /once: ERR_SSL|ENOTFOUND/,
      });
      assert.equal(registry.requests.length, 0);
      assert.equal(await pullImage(`${registry.host}/web:1`, store, OPTIONS), image);
    },
  ));
