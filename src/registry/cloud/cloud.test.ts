/** Each cloud's login service, as its documents have it, played by a local server that checks what it is sent. */
import assert from 'node:assert/strict';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { AwsV4Signer } from 'aws4fetch';

import type { Credentials } from '../../oci/docker-credentials.ts';
import { DEFAULT_TRANSPORT } from '../../oci/http.ts';
import { cloudCredentials } from './cloud.ts';

interface Asked {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** Answers with JSON, or with text where it is text; null: 403. */
type Play = (asked: Asked, url: URL) => unknown;

async function withServer(play: Play, use: (base: string, asked: Asked[]) => Promise<void>): Promise<void> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString();
      asked.push({ request, body });
      const answer = await play({ request, body }, new URL(request.url ?? '', 'http://localhost'));
      if (answer === null) response.writeHead(403).end(`you sent ${body}`);
      else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    await use(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, asked);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const NOBODY = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', GCE_METADATA_HOST: '127.0.0.1:1' };

const ask = (registry: string, env: NodeJS.ProcessEnv, origin = 'http://127.0.0.1:1'): Promise<Credentials | null> =>
  cloudCredentials({
    env: { ...NOBODY, AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:1', ...env },
    transport: { ...DEFAULT_TRANSPORT, attempts: 1, stallMs: 2000, pauseMs: 1 },
    originOf: () => origin,
  })(registry);

const ECR = '123456789012.dkr.ecr.eu-north-1.amazonaws.com';
const AWS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'top-secret' };
const ecrAnswer = (seconds: number): object => ({
  authorizationData: [
    { authorizationToken: Buffer.from('AWS:ecr:password').toString('base64'), expiresAt: Date.now() / 1000 + seconds },
  ],
});

/** Signature Version 4, computed again from what came. */
async function isSigned({ request, body }: Asked, session?: string): Promise<boolean> {
  const { host, authorization, 'x-amz-date': datetime, 'x-amz-target': target, 'content-type': type } = request.headers;
  const signer = new AwsV4Signer({
    accessKeyId: AWS.AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS.AWS_SECRET_ACCESS_KEY,
    ...(session === undefined ? {} : { sessionToken: session }),
    method: 'POST',
    url: `http://${host}/`,
    headers: { 'content-type': String(type), 'x-amz-target': String(target) },
    body,
    service: 'ecr',
    region: 'eu-north-1',
    datetime: String(datetime),
  });
  return (await signer.sign()).headers.get('authorization') === authorization;
}

test('ECR gives a login for a signed request, once for as long as it lasts', () =>
  withServer(
    async (asked) => {
      assert.equal(asked.request.headers['x-amz-target'], 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken');
      assert.deepEqual(JSON.parse(asked.body), { registryIds: ['123456789012'] });
      return (await isSigned(asked)) ? ecrAnswer(3600) : null;
    },
    async (AWS_ENDPOINT_URL, asked) => {
      const env = { ...NOBODY, ...AWS, AWS_ENDPOINT_URL };
      const source = cloudCredentials({ env, transport: DEFAULT_TRANSPORT, originOf: () => '' });
      const expected = { kind: 'password', username: 'AWS', password: 'ecr:password' };
      assert.deepEqual(await source(ECR), expected);
      assert.deepEqual(await source(ECR), expected);
      assert.equal(asked.length, 1);
      assert.equal(await source('registry.example'), null);
    },
  ));

test('AWS credentials come from a profile, a container or the instance', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-cloud-'));
  try {
    const file = join(folder, 'credentials');
    await writeFile(
      file,
      '[default]\naws_access_key_id = other\naws_secret_access_key = other\n[ci]\n# ours\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key = top-secret\naws_session_token = session\n',
    );
    await withServer(
      async (asked, url) => {
        const { headers, method } = asked.request;
        const role = { AccessKeyId: 'AKIDEXAMPLE', SecretAccessKey: 'top-secret', Token: 'session' };
        switch (url.pathname) {
          case '/container':
            return headers.authorization === 'pod-token' ? role : null;
          case '/latest/api/token':
            return method === 'PUT' && headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined ? 'imds' : null;
          case '/latest/meta-data/iam/security-credentials/':
            return headers['x-aws-ec2-metadata-token'] === 'imds' ? 'kiln-role' : null;
          case '/latest/meta-data/iam/security-credentials/kiln-role':
            return headers['x-aws-ec2-metadata-token'] === 'imds' ? role : null;
          default:
            return headers['x-amz-security-token'] === 'session' && (await isSigned(asked, 'session')) ? ecrAnswer(60) : null;
        }
      },
      async (base) => {
        const ways: readonly NodeJS.ProcessEnv[] = [
          { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'ci' },
          { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${base}/container`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'pod-token' },
          { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: base },
        ];
        for (const env of ways) {
          const found = await ask(ECR, { ...env, AWS_ENDPOINT_URL: base });
          assert.equal(found?.kind, 'password', Object.keys(env)[0]);
        }
        assert.equal(await ask(ECR, { AWS_ENDPOINT_URL: base }), null);
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('Artifact Registry gets an access token for a service account, by a signed assertion', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = await mkdtemp(join(tmpdir(), 'kiln-cloud-'));
  try {
    await withServer(
      ({ body }, url) => {
        const form = new URLSearchParams(body);
        const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
        const isGood = createVerify('RSA-SHA256').update(`${header}.${claims}`).verify(publicKey, signature, 'base64url');
        const said = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
        assert.equal(url.pathname, '/token');
        assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
        assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), { alg: 'RS256', typ: 'JWT', kid: 'k1' });
        assert.equal(said['iss'], 'kiln@project.example');
        assert.equal(said['scope'], 'https://www.googleapis.com/auth/cloud-platform');
        assert.equal(Number(said['exp']) - Number(said['iat']), 3600);
        return isGood ? { access_token: 'ya29.token', expires_in: 3599, token_type: 'Bearer' } : null;
      },
      async (base) => {
        const key = {
          type: 'service_account',
          client_email: 'kiln@project.example',
          private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
          private_key_id: 'k1',
          token_uri: `${base}/token`,
        };
        const file = join(folder, 'key.json');
        await writeFile(file, JSON.stringify(key));
        const expected = { kind: 'password', username: 'oauth2accesstoken', password: 'ya29.token' };
        for (const registry of ['europe-north1-docker.pkg.dev', 'gcr.io', 'eu.gcr.io'])
          assert.deepEqual(await ask(registry, { GOOGLE_APPLICATION_CREDENTIALS: file }), expected);
        await writeFile(file, '{"type":"service_account","private_key":"top-secret"}');
        await assert.rejects(ask('gcr.io', { GOOGLE_APPLICATION_CREDENTIALS: file }), (error: Error & { code: string }) => {
          assert.equal(error.code, 'REGISTRY_DENIED');
          return !`${error.message}${String(error.cause)}`.includes('top-secret');
        });
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("on Google's machines the metadata server gives the token", () =>
  withServer(
    ({ request }, url) =>
      request.headers['metadata-flavor'] === 'Google' &&
      url.pathname === '/computeMetadata/v1/instance/service-accounts/default/token'
        ? { access_token: 'from-metadata', expires_in: 60, token_type: 'Bearer' }
        : null,
    async (base) => {
      const found = await ask('gcr.io', { GCE_METADATA_HOST: base.slice('http://'.length) });
      assert.deepEqual(found, { kind: 'password', username: 'oauth2accesstoken', password: 'from-metadata' });
    },
  ));

test('ACR exchanges an Entra token, of a principal, a workload or the machine, for a refresh token', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-cloud-'));
  const federated = join(folder, 'token');
  await writeFile(federated, 'signed-by-the-platform\n');
  const play: Play = ({ body, request }, url) => {
    const form = Object.fromEntries(new URLSearchParams(body));
    switch (url.pathname) {
      case '/tenant-1/oauth2/v2.0/token':
        assert.equal(form['grant_type'], 'client_credentials');
        assert.equal(form['scope'], 'https://containerregistry.azure.net/.default');
        return form['client_secret'] === 'top-secret' || form['client_assertion'] === 'signed-by-the-platform'
          ? { access_token: 'entra' }
          : null;
      case '/metadata/identity/oauth2/token':
        assert.equal(url.searchParams.get('resource'), 'https://containerregistry.azure.net');
        return request.headers['metadata'] === 'true' ? { access_token: 'entra' } : null;
      default:
        assert.equal(url.pathname, '/oauth2/exchange');
        assert.equal(form['grant_type'], 'access_token');
        assert.equal(form['service'], 'kiln.azurecr.io');
        return form['access_token'] === 'entra' ? { refresh_token: 'refresh' } : null;
    }
  };
  try {
    await withServer(play, async (base) => {
      const principal = { AZURE_TENANT_ID: 'tenant-1', AZURE_CLIENT_ID: 'app', AZURE_AUTHORITY_HOST: base };
      const ways: readonly NodeJS.ProcessEnv[] = [
        { ...principal, AZURE_CLIENT_SECRET: 'top-secret' },
        { ...principal, AZURE_FEDERATED_TOKEN_FILE: federated },
        { AZURE_POD_IDENTITY_AUTHORITY_HOST: base },
      ];
      for (const env of ways) assert.deepEqual(await ask('kiln.azurecr.io', env, base), { kind: 'token', token: 'refresh' });
      assert.equal(await ask('kiln.azurecr.io', {}, base), null);
      const wrong = ask('kiln.azurecr.io', { ...principal, AZURE_CLIENT_SECRET: 'top-secret-wrong' }, base);
      await assert.rejects(wrong, (error: Error & { code: string }) => {
        assert.equal(error.code, 'REGISTRY_DENIED');
        return !error.message.includes('top-secret');
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
