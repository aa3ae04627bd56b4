/**
 * Azure Container Registry: an access token of Microsoft Entra ID is exchanged at the registry for a refresh token, with which
 * the registry's token server is then asked as with any other (Azure/acr, docs/AAD-OAuth.md).
 */
import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { messageOf } from '../../errors/error.ts';
import { askCloud, type Cloud, cloudDenied, type CloudLogin, formOf } from './ask.ts';

const REGISTRY = /^[a-z0-9-]{1,80}\.azurecr\.(?:io|cn|us)$/;
const RESOURCE = 'https://containerregistry.azure.net';
const AUTHORITY = 'https://login.microsoftonline.com';
const METADATA = 'http://169.254.169.254';
const METADATA_VERSION = '2018-02-01';
/** Whoever is on Azure has it at once. */
const METADATA_MS = 1_000;
/** What the registry gives is good for three hours, and it does not say so. */
const REFRESH_SECONDS = 3 * 3600;

const access = z.object({ access_token: z.string().min(1) });
const refresh = z.object({ refresh_token: z.string().min(1) });

export async function azureLogin(registry: string, cloud: Cloud): Promise<CloudLogin | null> {
  if (!REGISTRY.test(registry)) return null;
  const token = (await fromPrincipal(cloud)) ?? (await fromMachine(cloud));
  if (token === null) return null;
  const tenant = cloud.env['AZURE_TENANT_ID'];
  const form = formOf({
    grant_type: 'access_token',
    service: registry,
    access_token: token,
    ...(tenant === undefined ? {} : { tenant }),
  });
  const url = new URL('/oauth2/exchange', cloud.originOf(registry));
  const { refresh_token } = await askCloud(refresh, { method: 'POST', url, ...form }, cloud);
  return { credentials: { kind: 'token', token: refresh_token }, seconds: REFRESH_SECONDS };
}

/** A service principal by its secret, or a workload by the token that its platform signs (client credentials, RFC 7523). */
async function fromPrincipal(cloud: Cloud): Promise<string | null> {
  const { env } = cloud;
  const [tenant, id] = [env['AZURE_TENANT_ID'], env['AZURE_CLIENT_ID']];
  const [secret, file] = [env['AZURE_CLIENT_SECRET'], env['AZURE_FEDERATED_TOKEN_FILE']];
  if (tenant === undefined || id === undefined || (secret === undefined && file === undefined)) return null;
  const proof: Record<string, string> =
    secret === undefined
      ? {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await federatedToken(file ?? ''),
        }
      : { client_secret: secret };
  const form = formOf({ grant_type: 'client_credentials', client_id: id, scope: `${RESOURCE}/.default`, ...proof });
  const url = new URL(`/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, env['AZURE_AUTHORITY_HOST'] ?? AUTHORITY);
  return (await askCloud(access, { method: 'POST', url, ...form }, cloud)).access_token;
}

async function federatedToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw cloudDenied(`AZURE_FEDERATED_TOKEN_FILE can't be read: ${messageOf(error)}`);
  }
}

/** The managed identity of this machine; null where it has none. */
async function fromMachine(cloud: Cloud): Promise<string | null> {
  const { env } = cloud;
  const url = new URL('/metadata/identity/oauth2/token', env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? METADATA);
  url.searchParams.set('api-version', METADATA_VERSION);
  url.searchParams.set('resource', RESOURCE);
  const id = env['AZURE_CLIENT_ID'];
  if (id !== undefined) url.searchParams.set('client_id', id);
  const quick = { ...cloud, transport: { ...cloud.transport, stallMs: METADATA_MS, attempts: 1 } };
  try {
    return (await askCloud(access, { method: 'GET', url, headers: { metadata: 'true' } }, quick)).access_token;
  } catch (error) {
    if (cloud.transport.signal.aborted) throw error;
    return null;
  }
}
