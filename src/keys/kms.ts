/**
 * A key in AWS KMS as a signer: the private key never leaves it. Two calls of its JSON API (kms:GetPublicKey, kms:Sign),
 * signed with Signature Version 4. Loaded only where such a key is named.
 */
import { createHash } from 'node:crypto';

import { AwsClient } from 'aws4fetch';

import { awsCredentials, type AwsCredentials } from '../aws/credentials.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { DEFAULT_TRANSPORT } from '../oci/http.ts';
import { keyInvalid, readPublicKey } from './key-pair.ts';
import type { Signer } from './signer.ts';

/** As cosign writes it: `awskms:///KEY`, `awskms://ENDPOINT/KEY`; KEY is an id, `alias/NAME` or an ARN. */
const REFERENCE = /^awskms:\/\/([^/]*)\/(\S+)$/;
const ARN_REGION = /^arn:[a-z-]+:kms:([a-z0-9-]+):/;
/** Of `Message` in kms:Sign. */
const RAW_BYTES = 4096;
const TIMEOUT_MS = 20_000;
const ANSWER_BYTES = 65_536;

type Call = (operation: 'GetPublicKey' | 'Sign', body: object) => Promise<Readonly<Record<string, unknown>>>;

/** Throws KEY_INVALID for a key that can't sign so, KEY_UNREACHABLE where KMS does not answer or refuses. */
export async function openKmsSigner(reference: string, env: NodeJS.ProcessEnv): Promise<Signer> {
  const [, endpoint = '', key = ''] = REFERENCE.exec(reference) ?? [];
  if (key === '')
    throw keyInvalid(
      `${reference} names no key in AWS KMS`,
      'write it as awskms:///KEY-ID, awskms:///alias/NAME or awskms:///ARN',
    );
  const call = await kms(endpoint, key, env);
  const { PublicKey: der } = await call('GetPublicKey', { KeyId: key });
  if (typeof der !== 'string')
    throw unreachable(`AWS KMS gives no public key for ${reference}`, 'check that the endpoint is AWS KMS');
  const pem = `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
  const mine = readPublicKey(pem, reference);
  if (mine.kind !== 'p256')
    throw keyInvalid(`${reference} is a key of the kind ${mine.kind}`, 'make one of the kind ECC_NIST_P256');
  return {
    public: mine,
    async sign(message) {
      const request = { KeyId: key, ...asMessage(message), SigningAlgorithm: 'ECDSA_SHA_256' };
      const { Signature: signature } = await call('Sign', request);
      const bytes = Buffer.from(typeof signature === 'string' ? signature : '', 'base64');
      if (!mine.verifies(message, bytes)) {
        throw unreachable(
          `${reference} answered with a signature that its public key does not verify`,
          'check that the endpoint is AWS KMS',
        );
      }
      return bytes;
    },
  };
}

/** KMS hashes what is small; of more it takes the hash only. */
function asMessage(message: Uint8Array): { readonly Message: string; readonly MessageType: 'RAW' | 'DIGEST' } {
  const raw = message.length <= RAW_BYTES;
  const bytes = raw ? Buffer.from(message) : createHash('sha256').update(message).digest();
  return { Message: bytes.toString('base64'), MessageType: raw ? 'RAW' : 'DIGEST' };
}

async function kms(endpoint: string, key: string, env: NodeJS.ProcessEnv): Promise<Call> {
  const region = ARN_REGION.exec(key)?.[1] ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  if (region === undefined) throw unreachable('no region is set for AWS KMS', 'set AWS_REGION, or name the key by its ARN');
  const set = env['AWS_ENDPOINT_URL_KMS'] ?? env['AWS_ENDPOINT_URL'];
  const url = endpoint === '' ? (set ?? `https://kms.${region}.amazonaws.com`) : `https://${endpoint}`;
  const client = new AwsClient({ ...(await credentials(env)), service: 'kms', region, retries: 2 });
  return async (operation, body) => {
    const answer = await client
      .fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      .catch((cause: unknown) => {
        throw unreachable(
          `AWS KMS at ${url} does not answer: ${messageOf(cause)}`,
          'check the region, the endpoint and the network',
        );
      });
    const text = (await answer.text()).slice(0, ANSWER_BYTES);
    if (answer.ok) return parsed(text, url);
    throw unreachable(
      `AWS KMS refuses ${operation} (${answer.status}): ${reasonIn(text)}`,
      `the caller needs kms:${operation} on the key`,
    );
  };
}

function parsed(text: string, url: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw unreachable(`what ${url} answers is not JSON`, 'check that the endpoint is AWS KMS');
  }
}

function reasonIn(text: string): string {
  try {
    const said = JSON.parse(text) as { __type?: string; message?: string; Message?: string };
    return [said.__type, said.message ?? said.Message].filter((part) => part !== undefined).join(': ');
  } catch {
    return text.slice(0, 200);
  }
}

async function credentials(env: NodeJS.ProcessEnv): Promise<AwsCredentials> {
  const found = await awsCredentials({ env, transport: DEFAULT_TRANSPORT });
  if (found !== null) return found;
  throw unreachable(
    'there are no credentials for AWS KMS',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile in ~/.aws/credentials, or a role of this machine',
  );
}

const unreachable = (message: string, hint: string): KilnError => new KilnError('KEY_UNREACHABLE', message, { hint });
