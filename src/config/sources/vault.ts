/**
 * Vault's key/value engine, version 2, by its HTTP API (developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2). The value is the
 * secret as a JSON object of its fields; its version is Vault's own, and old ones are there until they are destroyed.
 */
import { z } from 'zod';

import { vaultPlace } from '../../domain/reference.ts';
import { ask, denied, encodedPath, type Endpoint, type Patience, type Reply, unreachable } from '../ask.ts';
import type { Found, Source } from './source.ts';

export interface VaultSettings {
  readonly endpoint: Endpoint;
  readonly namespace: string | null;
  /** Null: none is set. */
  readonly login:
    | { readonly kind: 'token'; readonly token: string }
    | { readonly kind: 'approle'; readonly roleId: string; readonly secretId: string }
    | null;
}

const secret = z.object({
  data: z.object({ data: z.record(z.string(), z.json()), metadata: z.object({ version: z.int() }) }),
});
const session = z.object({ auth: z.object({ client_token: z.string().min(1) }) });

export function vaultSource({ endpoint, namespace, login }: VaultSettings): Source {
  let token: Promise<string> | null = null;
  const common = namespace === null ? {} : { 'x-vault-namespace': namespace };

  const signIn = async (patience: Patience): Promise<string> => {
    if (login?.kind === 'token') return login.token;
    if (login === null) {
      throw denied(endpoint.name, 'asks for a token, and none is set', 'set token-file of vault in sources.yaml, or VAULT_TOKEN');
    }
    const body = JSON.stringify({ role_id: login.roleId, secret_id: login.secretId });
    const headers = { 'content-type': 'application/json', ...common };
    const question = (address: string) =>
      ({ method: 'POST', url: new URL('/v1/auth/approle/login', address), headers, body }) as const;
    const { status, json } = await ask(endpoint, question, patience);
    const given = session.safeParse(json);
    if (status === 200 && given.success) return given.data.auth.client_token;
    throw denied(endpoint.name, 'does not take the AppRole', 'mend role-id and secret-id-file of vault in sources.yaml');
  };

  const read = async (path: string, version: string | null, patience: Patience): Promise<Found | null> => {
    token ??= signIn(patience);
    const headers = { 'x-vault-token': await token, ...common };
    const reply = await ask(
      endpoint,
      (address) => ({ method: 'GET', url: secretUrl(address, path, version), headers, body: null }),
      patience,
    );
    return foundIn(endpoint, reply);
  };

  return {
    newest: (path, patience) => read(path, null, patience),
    at: read,
  };
}

function secretUrl(address: string, path: string, version: string | null): URL {
  const place = vaultPlace(path);
  const url = new URL(`/v1/${encodedPath(place.mount)}/data/${encodedPath(place.path)}`, address);
  if (version !== null) url.searchParams.set('version', version);
  return url;
}

function foundIn({ name }: Endpoint, { status, json }: Reply): Found | null {
  // Never there, deleted, or destroyed.
  if (status === 404) return null;
  if (status === 401 || status === 403) {
    throw denied(name, 'forbids its token to read this secret', 'give its policy `read` on MOUNT/data/PATH, or renew the token');
  }
  const found = secret.safeParse(json);
  if (status !== 200 || !found.success) {
    throw unreachable(name, `it answered ${status} with something else than a secret of a KV engine, version 2`);
  }
  const { data, metadata } = found.data.data;
  return { bytes: Buffer.from(JSON.stringify(data)), version: String(metadata.version) };
}
