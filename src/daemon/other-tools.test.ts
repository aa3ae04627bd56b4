/** What Kiln pushes, read by cosign and oras from Debian's docker-registry. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Digest } from '../domain/digest.ts';
import { attachEvidence } from '../evidence/attach.ts';
import { createKeyPair } from '../keys/key-pair.ts';
import { openSigner } from '../keys/signer.ts';
import { openImageStore } from '../oci/layout.ts';
import { parseReference } from '../oci/references.ts';
import { pushImage } from '../oci/push.ts';
import { pushReferrers } from '../oci/registry-referrers.ts';
import { Registry } from '../oci/registry.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { run } from '../platform/exec.ts';
import { pushForCosign } from './push-cosign.ts';

/** Debian 12 has neither: scripts/newer-programs.sh brings them where a newer suite is to be had. So they may be missing in CI, too. */
function newer(program: string): { skip: string | false } {
  const isThere = process.env['PATH']?.split(':').some((folder) => existsSync(join(folder, program)));
  return isThere === true ? requires('docker-registry') : { skip: `needs ${program}, which is not in Debian 12` };
}

interface Pushed {
  readonly folder: string;
  /** `127.0.0.1:PORT/web@sha256:…` */
  readonly name: string;
  readonly image: Digest;
  readonly key: string;
  readonly otherKey: string;
  readonly tool: (program: string, ...args: readonly string[]) => ReturnType<typeof run>;
}

const PROVENANCE = 'https://slsa.dev/provenance/v1';
/** As little as cosign takes for one. */
const PREDICATE = {
  buildDefinition: { buildType: 'https://kiln.dev/bake/v1', externalParameters: {} },
  runDetails: { builder: { id: 'https://kiln.dev/bake' } },
};

async function pushed(play: (pushed: Pushed) => Promise<void>): Promise<void> {
  await using hub = await startRegistry();
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'images'));
  const image = await putTestImage(store, [[fileEntry('hello', 'world')]]);
  const pair = createKeyPair('p256', null);
  const signer = await openSigner({ key: pair.privatePem, password: null, passwordFile: null, folder: folder.path, env: {} });
  await attachEvidence([{ type: PROVENANCE, content: PREDICATE }], { store, image, name: 'web', signer, now: Date.now() });
  const reference = parseReference(`${hub.host}/web:1.0.0`);
  await pushImage(image, reference, store);
  await pushReferrers(new Registry(reference), image, store);
  await pushForCosign(new Registry(reference), image, store, {});
  const [key, otherKey] = [join(folder.path, 'ci.pub'), join(folder.path, 'other.pub')];
  await writeFile(key, pair.public.pem);
  await writeFile(otherKey, createKeyPair('p256', null).public.pem);
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder.path };
  await play({
    folder: folder.path,
    name: `${hub.host}/web@${image}`,
    image,
    key,
    otherKey,
    tool: (program, ...args) => run(program, args, { env, cwd: folder.path }),
  });
}

/** Kiln uses no transparency log. */
const OFFLINE = ['--insecure-ignore-tlog=true', '--private-infrastructure'];

test('cosign verifies the signature with the key, and with no other', newer('cosign'), () =>
  pushed(async ({ name, image, key, otherKey, tool }) => {
    const told = JSON.parse(await tool('cosign', 'verify', '--key', key, ...OFFLINE, name)) as unknown;
    assert.match(JSON.stringify(told), new RegExp(`"docker-manifest-digest":"${image}"`));
    await assert.rejects(
      tool('cosign', 'verify', '--key', otherKey, ...OFFLINE, name),
      /invalid signature|no matching signatures/,
    );
  }),
);

test('cosign verifies the provenance with the key, and with no other, and of no other kind', newer('cosign'), () =>
  pushed(async ({ name, image, key, otherKey, tool }) => {
    const verify = (by: string, type: string): Promise<string> =>
      tool('cosign', 'verify-attestation', '--key', by, '--type', type, ...OFFLINE, name);
    const { payload } = JSON.parse(await verify(key, 'slsaprovenance1')) as { payload: string };
    const statement = JSON.parse(Buffer.from(payload, 'base64').toString()) as { subject: { digest: { sha256: string } }[] };
    assert.equal(`sha256:${statement.subject[0]?.digest.sha256}`, image);
    await assert.rejects(verify(otherKey, 'slsaprovenance1'));
    await assert.rejects(verify(key, 'cyclonedx'));
  }),
);

test('oras lists what is attached, and takes a statement and the image as they are', newer('oras'), () =>
  pushed(async ({ folder, name, image, tool }) => {
    const listed = await tool('oras', 'discover', '--plain-http', '--format', 'json', name);
    const { manifests } = JSON.parse(listed) as { manifests: readonly { digest: string; artifactType: string }[] };
    assert.equal(manifests.length, 2);
    const repository = name.slice(0, name.indexOf('@'));
    for (const { digest } of manifests) {
      const bytes = await tool('oras', 'manifest', 'fetch', '--plain-http', `${repository}@${digest}`);
      const manifest = JSON.parse(bytes) as { subject: { digest: string }; layers: readonly { digest: string }[] };
      assert.equal(manifest.subject.digest, image);
      await tool('oras', 'pull', '--plain-http', '--output', join(folder, 'pulled'), `${repository}@${digest}`);
      await tool('oras', 'blob', 'fetch', '--plain-http', '--output', 'blob', `${repository}@${manifest.layers[0]?.digest}`);
      assert.ok((await readFile(join(folder, 'blob'))).length > 0);
    }
    await tool('oras', 'copy', '--from-plain-http', '--to-oci-layout', '--recursive', name, 'copied:web');
    const copied = await openImageStore(join(folder, 'copied'));
    assert.equal((await copied.image(image)).digest, image);
    assert.equal((await copied.referrers(image)).length, 2);
  }),
);
