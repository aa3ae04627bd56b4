/**
 * Stand-ins for servers that are not to be had on a test machine: Consul, Vault and two services of AWS, as far as their
 * documents say what Kiln asks of them. They are not those servers: what they answer was written after the documents.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

import { AwsV4Signer } from 'aws4fetch';

export interface StandIn extends AsyncDisposable {
  readonly address: string;
  /** What is answered to everything instead; null: what the stand-in does. */
  instead: Answer | 'nothing' | null;
  /** How often it was asked. */
  asked: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: string;
}

async function standIn<T extends object>(more: T, play: (asked: Asked) => Answer | Promise<Answer>): Promise<StandIn & T> {
  const server = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString();
      made.asked += 1;
      if (made.instead === 'nothing') return;
      const url = new URL(request.url ?? '/', 'http://stand-in');
      const { status, body: answer } = made.instead ?? (await play({ request, url, body }));
      response.writeHead(status, status >= 300 && status < 400 ? { location: String(answer) } : {});
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  const made: StandIn & T = {
    ...more,
    address: `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`,
    instead: null,
    asked: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return made;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export interface ConsulStandIn extends StandIn {
  readonly keys: Map<string, { value: string; index: number }>;
}

/** `GET /v1/kv/:key`: a list with one member, 404 without a body, 403 by the token's policy. */
export function startConsul(token: string): Promise<ConsulStandIn> {
  const keys: ConsulStandIn['keys'] = new Map();
  return standIn({ keys }, ({ request, url }) => {
    if (request.headers['x-consul-token'] !== token) return { status: 403, body: `Permission denied: token ${token} lacks it` };
    const key = decodeURIComponent(url.pathname.replace('/v1/kv/', ''));
    const found = keys.get(key);
    if (found === undefined) return { status: 404, body: '' };
    const { value, index } = found;
    const entry = { LockIndex: 0, Key: key, Flags: 0, CreateIndex: 1, ModifyIndex: index };
    return { status: 200, body: [{ ...entry, Value: value === '' ? null : base64(value) }] };
  });
}

export interface VaultStandIn extends StandIn {
  /** By `MOUNT/PATH`: the fields of each version; null where it was destroyed. */
  readonly secrets: Map<string, (Record<string, unknown> | null)[]>;
}

const ROLE = { role_id: 'role', secret_id: 'the secret id' };

/** KV version 2 and AppRole: `GET /v1/:mount/data/:path?version=`, `POST /v1/auth/approle/login`. */
export function startVault(token: string): Promise<VaultStandIn> {
  const secrets: VaultStandIn['secrets'] = new Map();
  return standIn({ secrets }, ({ request, url, body }) => {
    if (url.pathname === '/v1/auth/approle/login') {
      const isRole = JSON.stringify(JSON.parse(body)) === JSON.stringify(ROLE);
      if (!isRole) return { status: 400, body: { errors: ['invalid role or secret ID'] } };
      return { status: 200, body: { auth: { client_token: token, lease_duration: 60 } } };
    }
    if (request.headers['x-vault-token'] !== token) return { status: 403, body: { errors: ['permission denied'] } };
    const [, mount = '', path = ''] = /^\/v1\/(.+)\/data\/(.+)$/.exec(url.pathname) ?? [];
    const versions = secrets.get(`${mount}/${decodeURIComponent(path)}`) ?? [];
    const version = Number(url.searchParams.get('version') ?? versions.length);
    const data = versions[version - 1] ?? null;
    const metadata = {
      created_time: '2026-01-01T00:00:00Z',
      custom_metadata: null,
      deletion_time: '',
      destroyed: false,
      version,
    };
    if (data !== null) return { status: 200, body: { request_id: randomUUID(), data: { data, metadata } } };
    if (versions.length === 0) return { status: 404, body: { errors: [] } };
    return { status: 404, body: { data: { data: null, metadata: { ...metadata, destroyed: true } } } };
  });
}

export interface AwsStandIn extends StandIn {
  /** Each version's value, from 1. */
  readonly parameters: Map<string, string[]>;
  readonly secrets: Map<string, { value: string | Uint8Array; id: string }[]>;
}

export const AWS_KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'the secret access key' };
export const AWS_REGION = 'eu-north-1';

const fails = (type: string): Answer => ({ status: 400, body: { __type: type, Message: 'with words' } });

/** GetParameter and GetSecretValue, for requests that are signed as they have to be. */
export function startAws(): Promise<AwsStandIn> {
  const [parameters, secrets]: [AwsStandIn['parameters'], AwsStandIn['secrets']] = [new Map(), new Map()];
  return standIn({ parameters, secrets }, async ({ request, body }) => {
    const target = String(request.headers['x-amz-target']);
    const isParameter = target === 'AmazonSSM.GetParameter';
    if (!(await isSigned(request, body, isParameter ? 'ssm' : 'secretsmanager'))) return fails('InvalidSignatureException');
    const input = JSON.parse(body) as { Name: string; WithDecryption: boolean; SecretId: string; VersionId?: string };
    return isParameter ? parameterIn(input.Name) : secretIn(input);
  });

  function parameterIn(asked: string): Answer {
    const [name = '', version] = asked.split(':');
    const versions = parameters.get(name);
    if (versions === undefined) return fails('ParameterNotFound');
    const number = Number(version ?? versions.length);
    const value = versions[number - 1];
    if (value === undefined) return fails('ParameterVersionNotFound');
    return { status: 200, body: { Parameter: { Name: name, Type: 'SecureString', Value: value, Version: number } } };
  }

  function secretIn({ SecretId, VersionId }: { readonly SecretId: string; readonly VersionId?: string }): Answer {
    const versions = secrets.get(SecretId) ?? [];
    const found = VersionId === undefined ? versions.at(-1) : versions.find(({ id }) => id === VersionId);
    if (found === undefined) return fails('com.amazonaws.secretsmanager#ResourceNotFoundException');
    const { value, id } = found;
    const content = typeof value === 'string' ? { SecretString: value } : { SecretBinary: Buffer.from(value).toString('base64') };
    return { status: 200, body: { ARN: SecretId, Name: SecretId, VersionId: id, VersionStages: ['AWSCURRENT'], ...content } };
  }
}

/** Signature Version 4, computed again from what came. */
async function isSigned({ headers }: IncomingMessage, body: string, service: string): Promise<boolean> {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
  const signed = names.filter((name) => name !== 'host' && !name.startsWith('x-amz-date'));
  const signer = new AwsV4Signer({
    accessKeyId: AWS_KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_KEYS.AWS_SECRET_ACCESS_KEY,
    method: 'POST',
    url: `http://${headers.host}/`,
    headers: Object.fromEntries(signed.map((name) => [name, String(headers[name])])),
    body,
    service,
    region: AWS_REGION,
    datetime: String(headers['x-amz-date']),
  });
  return (await signer.sign()).headers.get('authorization') === headers.authorization;
}

/** A new version of a secret gets an id of its own. */
export const versionId = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
