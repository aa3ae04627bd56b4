import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { createKeyPair } from './key-pair.ts';
import { openKmsSigner } from './kms.ts';
import { startFakeKms, type FakeKms } from './testing/fake-kms.ts';

/** So that no test asks the cloud that it may run in. */
const NO_ROLE = { AWS_EC2_METADATA_DISABLED: 'true' };

const environment = (kms: FakeKms): NodeJS.ProcessEnv => ({
  AWS_ENDPOINT_URL: kms.url,
  AWS_REGION: 'eu-north-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'the secret part',
});

test('a key in KMS signs what is small and what is large, each request signed for its region', requires('openssl'), async () => {
  await using kms = await startFakeKms();
  const signer = await openKmsSigner('awskms:///alias/kiln', environment(kms));
  for (const message of [Buffer.from('small'), Buffer.alloc(4096, 1), Buffer.alloc(4097, 1), Buffer.alloc(1 << 20, 2)])
    assert.ok(signer.public.verifies(message, await signer.sign(message)));
  assert.deepEqual(
    kms.asked.map(({ operation, type }) => `${operation} ${type ?? ''}`.trim()),
    ['GetPublicKey', 'Sign RAW', 'Sign RAW', 'Sign DIGEST', 'Sign DIGEST'],
  );
  for (const { authorization } of kms.asked) {
    assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-north-1\/kms\/aws4_request, SignedHeaders=/);
    assert.ok(!authorization.includes('secret'));
  }
});

test('a signature that is not the key’s is not taken, whoever answered', requires('openssl'), async () => {
  await using kms = await startFakeKms();
  const signer = await openKmsSigner('awskms:///1234', environment(kms));
  for (const body of ['{"Signature":"AAAA"}', '{}', '{"Signature":1}']) {
    kms.instead = { operation: 'Sign', status: 200, body };
    await assert.rejects(signer.sign(Buffer.from('x')), { code: 'KEY_UNREACHABLE', message: /does not verify/ });
  }
});

test('a refusal, a key of another kind and nonsense are told apart', async () => {
  await using kms = await startFakeKms();
  const rejects = async (status: number, body: string, expected: object): Promise<void> => {
    kms.instead = { operation: 'GetPublicKey', status, body };
    await assert.rejects(openKmsSigner('awskms:///1234', environment(kms)), expected);
  };
  await rejects(400, '{"__type":"AccessDeniedException","message":"not you"}', {
    code: 'KEY_UNREACHABLE',
    message: /AccessDeniedException: not you/,
    hint: /kms:GetPublicKey/,
  });
  await rejects(400, '<html>', { code: 'KEY_UNREACHABLE' });
  await rejects(200, '<html>', { code: 'KEY_UNREACHABLE', message: /not JSON/ });
  await rejects(200, '{}', { code: 'KEY_UNREACHABLE' });
  await rejects(200, '{"PublicKey":"AAAA"}', { code: 'KEY_INVALID' });
  const ed25519 = createKeyPair('ed25519', null).public.pem.replaceAll(/-----[^-]+-----|\n/g, '');
  await rejects(200, `{"PublicKey":"${ed25519}"}`, { code: 'KEY_INVALID', message: /kind ed25519/ });
});

test('credentials come from the environment or the profile, and are asked for where there are none', async () => {
  await using kms = await startFakeKms();
  const folder = await mkdtemp(join(tmpdir(), 'kiln-aws-'));
  try {
    const file = join(folder, 'credentials');
    await writeFile(file, '[default]\naws_access_key_id = A\n[ci]\naws_access_key_id = CI\naws_secret_access_key = b=c\n');
    const env = { ...NO_ROLE, AWS_ENDPOINT_URL: kms.url, AWS_REGION: 'eu-north-1', AWS_SHARED_CREDENTIALS_FILE: file };
    await assert.rejects(openKmsSigner('awskms:///1', env), { code: 'KEY_UNREACHABLE', message: /no credentials/ });
    await openKmsSigner('awskms:///1', { ...env, AWS_PROFILE: 'ci' });
    assert.match(kms.asked[0]?.authorization ?? '', /Credential=CI\//);
    await assert.rejects(openKmsSigner('awskms:///1', {}), { code: 'KEY_UNREACHABLE', message: /no region/ });
    await assert.rejects(openKmsSigner('awskms://1', env), { code: 'KEY_INVALID' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
