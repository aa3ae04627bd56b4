import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { run } from '../platform/exec.ts';
import { dockerCredentials } from './docker-credentials.ts';
import { openImageStore } from './layout.ts';
import { pullImage, resolveReference } from './pull.ts';
import { pushImage } from './push.ts';
import type { ImageStore } from './store.ts';
import { startRegistry } from './testing/docker-registry.ts';
import { configOf, fileEntry, putTestImage, testFolder } from './testing/images.ts';

/** User kiln, password secret. */
const HTPASSWD = 'kiln:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';

const stores = async (folder: string): Promise<[ImageStore, ImageStore]> => [
  await openImageStore(join(folder, 'a')),
  await openImageStore(join(folder, 'b')),
];

test('an image that is pushed and pulled is the same, byte for byte', requires('docker-registry'), async () => {
  await using registry = await startRegistry();
  await using folder = await testFolder();
  const [here, there] = await stores(folder.path);
  const digest = await putTestImage(here, [[fileEntry('a', randomBytes(60_000))], [fileEntry('hello', 'world')]]);
  const reference = `${registry.host}/team/web:1.2.0`;

  await pushImage(digest, reference, here);
  assert.equal((await resolveReference(reference)).digest, digest);
  const seen: number[] = [];
  assert.equal(
    await pullImage(reference, there, { onProgress: (progress) => seen.push(progress.doneBytes / progress.totalBytes) }),
    digest,
  );
  assert.deepEqual(await there.image(digest), await here.image(digest));
  assert.equal(seen.at(-1), 1);

  await pushImage(digest, reference, here); // The same again is nothing.
  assert.equal(await pullImage(`${registry.host}/team/web@${digest}`, there), digest);
});

test(
  'tags in a registry do not move, `latest` is not pushed, and what is absent is said',
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry();
    await using folder = await testFolder();
    const [store] = await stores(folder.path);
    const one = await putTestImage(store, [[fileEntry('a', '1')]]);
    const other = await putTestImage(store, [[fileEntry('a', '2')]]);
    const name = `${registry.host}/web`;
    await pushImage(one, `${name}:1`, store);
    await assert.rejects(pushImage(other, `${name}:1`, store), { code: 'TAG_IMMUTABLE' });
    await assert.rejects(pushImage(other, `${name}:latest`, store), { code: 'TAG_REFUSED' });
    await pushImage(other, `${name}@${other}`, store);
    assert.equal((await resolveReference(`${name}@${other}`)).digest, other);
    await assert.rejects(resolveReference(`${name}:2`), { code: 'IMAGE_NOT_FOUND' });
    await assert.rejects(pullImage(`${name}:2`, store), { code: 'IMAGE_NOT_FOUND' });
    await assert.rejects(pullImage(name, store), { code: 'REFERENCE_INVALID', message: /neither tag nor digest/ });
  },
);

test(
  "a layer of the base's repository is taken over there, and large ones go in chunks",
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry();
    await using folder = await testFolder();
    const [here, there] = await stores(folder.path);
    const base = await putTestImage(here, [[fileEntry('base', randomBytes(50_000))]]);
    await pushImage(base, `${registry.host}/base:1`, here, { chunkBytes: 7000 });
    const { layers } = await here.image(base);
    const child = await here.putImage(configOf(layers), layers, {
      'org.opencontainers.image.base.name': `${registry.host}/base:1`,
    });
    await pushImage(child, `${registry.host}/child:1`, here);
    await pullImage(`${registry.host}/base:1`, there);
    assert.equal(await pullImage(`${registry.host}/child:1`, there), child);
  },
);

test('of an index, the image of this machine is pulled; of one without it, none', requires('docker-registry'), async () => {
  await using registry = await startRegistry();
  await using folder = await testFolder();
  const [here, there] = await stores(folder.path);
  const mine = await putTestImage(here, [[fileEntry('a', '1')]]);
  await pushImage(mine, `${registry.host}/web:mine`, here);
  const own = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: mine,
    size: (await readFile(await here.blobPath(mine))).length,
  };
  const { architecture } = (await here.image(mine)).config;
  const put = async (tag: string, platforms: readonly object[]): Promise<void> => {
    const manifests = platforms.map((platform) => ({ ...own, platform }));
    const type = 'application/vnd.oci.image.index.v1+json';
    const answer = await fetch(`http://${registry.host}/v2/web/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'content-type': type },
      body: JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }),
    });
    assert.equal(answer.status, 201, await answer.text());
  };
  await put('multi', [
    { os: 'windows', architecture },
    { os: 'linux', architecture: 's390x' },
    { os: 'linux', architecture },
  ]);
  assert.match((await resolveReference(`${registry.host}/web:multi`)).mediaType, /index/);
  assert.equal(await pullImage(`${registry.host}/web:multi`, there), mine);
  await put('other', [{ os: 'linux', architecture: 's390x' }]);
  await assert.rejects(pullImage(`${registry.host}/web:other`, there), {
    code: 'IMAGE_NOT_FOUND',
    message: /only: linux\/s390x/,
  });
});

test('an image that skopeo pushed in Docker form keeps its digest', requires('docker-registry', 'skopeo'), async () => {
  await using registry = await startRegistry();
  await using folder = await testFolder();
  const [here, there] = await stores(folder.path);
  await here.tag(await putTestImage(here, [[fileEntry('a', '1')]]), 'web:1');
  const target = `docker://${registry.host}/web:1`;
  await run('skopeo', [
    '--insecure-policy',
    'copy',
    '--format',
    'v2s2',
    '--dest-tls-verify=false',
    `oci:${join(folder.path, 'a')}:web:1`,
    target,
  ]);
  const digest = await pullImage(`${registry.host}/web:1`, there);
  const inspected = JSON.parse(await run('skopeo', ['inspect', '--tls-verify=false', target])) as { Digest: string };
  assert.equal(digest, inspected.Digest);
  const image = await there.image(digest);
  assert.match(image.layers[0]?.descriptor.mediaType ?? '', /docker/);
  const tar = Buffer.concat(await (await there.openLayer(image.layers[0] as (typeof image.layers)[0])).toArray());
  assert.equal(tar.toString('latin1', 0, 2), 'a\0');
});

test(
  'a registry that asks for a password gets it from the Docker configuration, or from a helper',
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry({ htpasswd: HTPASSWD });
    await using folder = await testFolder();
    const [here, there] = await stores(folder.path);
    const digest = await putTestImage(here, [[fileEntry('a', '1')]]);
    const reference = `${registry.host}/web:1`;
    const credentialsIn = async (config: unknown): Promise<{ credentials: ReturnType<typeof dockerCredentials> }> => {
      await writeFile(join(folder.path, 'config.json'), JSON.stringify(config));
      return { credentials: dockerCredentials(folder.path) };
    };
    const auth = (pair: string): unknown => ({ auths: { [registry.host]: { auth: Buffer.from(pair).toString('base64') } } });

    await pushImage(digest, reference, here, await credentialsIn(auth('kiln:secret')));
    assert.equal(await pullImage(reference, there, await credentialsIn(auth('kiln:secret'))), digest);
    await assert.rejects(pullImage(reference, there, await credentialsIn({})), { code: 'REGISTRY_DENIED', hint: /kiln login/ });
    await assert.rejects(pullImage(reference, there, await credentialsIn(auth('kiln:wrong-password'))), (error: Error) => {
      assert.equal((error as Error & { code: string }).code, 'REGISTRY_DENIED');
      assert.ok(!JSON.stringify([error.message, error.stack]).includes('wrong-password'));
      return true;
    });

    await mkdir(join(folder.path, 'bin'));
    const helper = join(folder.path, 'bin', 'docker-credential-kiln-test');
    await writeFile(
      helper,
      `#!/bin/sh\nread server\n[ "$server" = "${registry.host}" ] && echo '{"Username":"kiln","Secret":"secret"}'\n`,
    );
    await chmod(helper, 0o755);
    const path = process.env['PATH'];
    process.env['PATH'] = `${join(folder.path, 'bin')}:${path}`;
    try {
      assert.equal(
        await pullImage(reference, there, await credentialsIn({ credHelpers: { [registry.host]: 'kiln-test' } })),
        digest,
      );
      assert.equal(await pullImage(reference, there, await credentialsIn({ credsStore: 'kiln-test' })), digest);
    } finally {
      process.env['PATH'] = path;
    }
  },
);
