/**
 * Google Artifact Registry and Container Registry: the user `oauth2accesstoken` with an access token, which a service account's
 * key, a user's refresh token or the metadata server gives (google.aip.dev/auth/4110 and following).
 */
import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { messageOf } from '../../errors/error.ts';
import { jsonOf } from '../../oci/http.ts';
import { readIfThere } from '../../platform/files.ts';
import { askCloud, type Cloud, cloudDenied, type CloudLogin, formOf } from './ask.ts';

const REGISTRY = /^(?:(?:[a-z]+\.)?gcr\.io|[a-z0-9-]{1,40}-docker\.pkg\.dev)$/;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const TOKEN_URI = 'https://oauth2.googleapis.com/token';
const METADATA_HOST = 'metadata.google.internal';
const METADATA_PATH = '/computeMetadata/v1/instance/service-accounts/default/token';
/** Whoever is on Google's machines has it at once. */
const METADATA_MS = 1_000;
const ASSERTION_SECONDS = 3600;

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number() });
const key = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('service_account'),
    client_email: z.string(),
    private_key: z.string(),
    private_key_id: z.string().optional(),
    token_uri: z.url().default(TOKEN_URI),
  }),
  z.object({
    type: z.literal('authorized_user'),
    client_id: z.string(),
    client_secret: z.string(),
    refresh_token: z.string(),
    token_uri: z.url().default(TOKEN_URI),
  }),
]);
type ServiceAccount = Extract<z.output<typeof key>, { type: 'service_account' }>;

export async function googleLogin(registry: string, cloud: Cloud): Promise<CloudLogin | null> {
  if (!REGISTRY.test(registry)) return null;
  const token = (await fromKey(cloud)) ?? (await fromMetadata(cloud));
  if (token === null) return null;
  const { access_token: password, expires_in: seconds } = token;
  return { credentials: { kind: 'password', username: 'oauth2accesstoken', password }, seconds };
}

type Token = z.output<typeof answer>;

async function fromKey(cloud: Cloud): Promise<Token | null> {
  const { env } = cloud;
  const named = env['GOOGLE_APPLICATION_CREDENTIALS'];
  const own = join(env['HOME'] ?? homedir(), '.config', 'gcloud', 'application_default_credentials.json');
  const text = named === undefined ? await readIfThere(own) : await readNamed(named);
  if (text === null) return null;
  const parsed = key.safeParse(jsonOf(Buffer.from(text)));
  // Without what is wrong with it: that quotes the key.
  if (!parsed.success) throw cloudDenied(`${named ?? own} is no service account's key and no user's credentials`);
  const { data } = parsed;
  const form =
    data.type === 'service_account'
      ? { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(data, cloud.transport.clock.now()) }
      : {
          grant_type: 'refresh_token',
          client_id: data.client_id,
          client_secret: data.client_secret,
          refresh_token: data.refresh_token,
        };
  return askCloud(answer, { method: 'POST', url: new URL(data.token_uri), ...formOf(form) }, cloud);
}

function readNamed(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw cloudDenied(`GOOGLE_APPLICATION_CREDENTIALS names a file that can't be read: ${messageOf(error)}`);
  });
}

/** RFC 7523, as Google's "Using OAuth 2.0 for Server to Server Applications" has it. */
function assertionOf(account: ServiceAccount, now: number): string {
  const issued = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.private_key_id === undefined ? {} : { kid: account.private_key_id }) };
  const claims = {
    iss: account.client_email,
    scope: SCOPE,
    aud: account.token_uri,
    iat: issued,
    exp: issued + ASSERTION_SECONDS,
  };
  const body = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  try {
    return `${body}.${createSign('RSA-SHA256').update(body).sign(account.private_key, 'base64url')}`;
  } catch {
    throw cloudDenied(`the private key of ${account.client_email} can't be used`);
  }
}

/** Null where this is no machine of Google's, or one without a service account. */
async function fromMetadata(cloud: Cloud): Promise<Token | null> {
  const url = new URL(METADATA_PATH, `http://${cloud.env['GCE_METADATA_HOST'] ?? METADATA_HOST}`);
  const quick = { ...cloud, transport: { ...cloud.transport, stallMs: METADATA_MS, attempts: 1 } };
  try {
    return await askCloud(answer, { method: 'GET', url, headers: { 'metadata-flavor': 'Google' } }, quick);
  } catch (error) {
    if (cloud.transport.signal.aborted) throw error;
    return null;
  }
}
