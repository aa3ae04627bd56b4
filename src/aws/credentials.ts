/**
 * AWS, for whoever speaks to it: this folder owns who this machine is there and the signing of calls. What is called is the caller's.
 * Who this machine is, in the order in which AWS's own tools look: the environment, the shared credentials file, the
 * container's credentials (ECS, EKS Pod Identity), the instance's role (IMDSv2).
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { KilnError, messageOf } from '../errors/error.ts';
import { jsonOf, send, type Transport } from '../oci/http.ts';
import { readIfThere } from '../platform/files.ts';

/** Where who this machine is can be found. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly transport: Transport;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const METADATA = 'http://169.254.169.254';
const CONTAINER_HOST = 'http://169.254.170.2';
/** Of the metadata service: whoever is on EC2 has it at once, and whoever is not waits no longer. */
const METADATA_MS = 1_000;
const TOKEN_SECONDS = '300';
const ANSWER_BYTES = 65_536;

const answer = z.object({ AccessKeyId: z.string(), SecretAccessKey: z.string(), Token: z.string().optional() });

/** Null: nobody. Throws CLOUD_DENIED where the container's credentials are named and can't be had. */
export async function awsCredentials(cloud: Surroundings): Promise<AwsCredentials | null> {
  const { env } = cloud;
  return (
    complete(env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY'], env['AWS_SESSION_TOKEN']) ??
    (await fromFile(env)) ??
    (await fromContainer(cloud)) ??
    (await fromInstance(cloud))
  );
}

function complete(id: string | undefined, secret: string | undefined, token: string | undefined): AwsCredentials | null {
  if (id === undefined || secret === undefined || id === '' || secret === '') return null;
  return {
    accessKeyId: id,
    secretAccessKey: secret,
    ...(token === undefined || token === '' ? {} : { sessionToken: token }),
  };
}

async function fromFile(env: NodeJS.ProcessEnv): Promise<AwsCredentials | null> {
  const path = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(env['HOME'] ?? homedir(), '.aws', 'credentials');
  const profile = env['AWS_PROFILE'] ?? 'default';
  const members = new Map<string, string>();
  let section = '';
  for (const line of ((await readIfThere(path)) ?? '').split('\n')) {
    const text = line.trim();
    if (text.startsWith('[')) section = text.slice(1, -1).trim();
    const equals = text.indexOf('=');
    if (section !== profile || equals < 1 || text.startsWith('#')) continue;
    members.set(text.slice(0, equals).trim(), text.slice(equals + 1).trim());
  }
  return complete(members.get('aws_access_key_id'), members.get('aws_secret_access_key'), members.get('aws_session_token'));
}

async function fromContainer(cloud: Surroundings): Promise<AwsCredentials | null> {
  const { env } = cloud;
  const relative = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  const address = relative === undefined ? env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] : `${CONTAINER_HOST}${relative}`;
  if (address === undefined || !URL.canParse(address)) return null;
  const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const token = file === undefined ? env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] : (await readFile(file, 'utf8')).trim();
  const headers = token === undefined ? {} : { authorization: token };
  const found = await credentialsAt(new URL(address), headers, cloud);
  return complete(found.AccessKeyId, found.SecretAccessKey, found.Token);
}

/** IMDSv2: a token first. Nobody answers where this is no instance of EC2. */
async function fromInstance(cloud: Surroundings): Promise<AwsCredentials | null> {
  const { env } = cloud;
  if (env['AWS_EC2_METADATA_DISABLED'] === 'true') return null;
  const quick = { ...cloud, transport: { ...cloud.transport, stallMs: METADATA_MS, attempts: 1 } };
  const base = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? METADATA;
  try {
    const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_SECONDS };
    const token = await textOf('PUT', new URL('/latest/api/token', base), ttl, quick);
    const headers = { 'x-aws-ec2-metadata-token': token };
    const roles = new URL('/latest/meta-data/iam/security-credentials/', base);
    const role = (await textOf('GET', roles, headers, quick)).split('\n')[0] ?? '';
    const found = await credentialsAt(new URL(encodeURIComponent(role), roles), headers, quick);
    return complete(found.AccessKeyId, found.SecretAccessKey, found.Token);
  } catch (error) {
    if (cloud.transport.signal.aborted) throw error;
    return null;
  }
}

async function credentialsAt(url: URL, headers: Record<string, string>, cloud: Surroundings): Promise<z.output<typeof answer>> {
  const parsed = answer.safeParse(jsonOf(Buffer.from(await textOf('GET', url, headers, cloud))));
  if (parsed.success) return parsed.data;
  throw denied(`${url.host} answered something else than credentials`);
}

/** Never with what it said, which may quote what it was sent. */
async function textOf(
  method: 'GET' | 'PUT',
  url: URL,
  headers: Record<string, string>,
  { transport }: Surroundings,
): Promise<string> {
  const found = await send({ method, url, headers, authorization: null }, transport).catch((error: unknown) => {
    transport.signal.throwIfAborted();
    throw denied(`${url.host} does not answer: ${messageOf(error)}`);
  });
  const bytes = await found.bytes(ANSWER_BYTES);
  if (found.status === 200 && bytes !== null) return bytes.toString('utf8').trim();
  throw denied(`${url.host}, asked for credentials, answered ${found.status}`);
}

const denied = (message: string): KilnError =>
  new KilnError('CLOUD_DENIED', message, { hint: "give this machine a role, or set AWS's variables" });
