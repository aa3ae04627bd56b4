/**
 * etcd by the JSON gateway of its v3 API (etcd.io/docs: "gRPC gateway"). A value's version is its mod_revision; old ones are
 * there until the cluster is compacted.
 */
import { z } from 'zod';

import { ask, denied, type Endpoint, type Patience, type Reply, unreachable } from '../ask.ts';
import type { Found, Source } from './source.ts';

export interface EtcdSettings {
  readonly endpoint: Endpoint;
  /** Null: etcd asks for nobody. */
  readonly login: { readonly name: string; readonly password: string } | null;
}

const values = z.object({
  /** Members that are zero or empty are left out by the gateway. */
  kvs: z.array(z.object({ value: z.base64().default(''), mod_revision: z.string() })).default([]),
});
const token = z.object({ token: z.string().min(1) });
const refusal = z.object({ code: z.int(), message: z.string() });

/** Codes of gRPC (google.rpc.Code). */
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNAUTHENTICATED = 16;

export function etcdSource({ endpoint, login }: EtcdSettings): Source {
  let authorization: Promise<string | null> | null = null;
  const call = (path: string, body: object, headers: Record<string, string>, patience: Patience): Promise<Reply> =>
    ask(
      endpoint,
      (address) => ({
        method: 'POST',
        url: new URL(path, address),
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
      patience,
    );

  const authenticate = async (patience: Patience): Promise<string | null> => {
    if (login === null) return null;
    const reply = await call('/v3/auth/authenticate', login, {}, patience);
    const given = token.safeParse(reply.json);
    if (reply.status === 200 && given.success) return given.data.token;
    const { code, message } = refusalOf(reply);
    if (code === FAILED_PRECONDITION && /not enabled/.test(message)) return null;
    throw refused(endpoint, reply);
  };

  const range = async (key: string, revision: string | null, patience: Patience): Promise<Found | null> => {
    authorization ??= authenticate(patience);
    const known = await authorization;
    const body = { key: Buffer.from(key).toString('base64'), ...(revision === null ? {} : { revision }) };
    const reply = await call('/v3/kv/range', body, known === null ? {} : { authorization: known }, patience);
    const answer = values.safeParse(reply.json);
    if (reply.status === 200 && answer.success) {
      const [found] = answer.data.kvs;
      return found === undefined ? null : { bytes: Buffer.from(found.value, 'base64'), version: found.mod_revision };
    }
    // Compacted, or of a cluster that was since made anew.
    if (revision !== null && refusalOf(reply).code === OUT_OF_RANGE) return null;
    throw refused(endpoint, reply);
  };

  return {
    newest: (path, patience) => range(path, null, patience),
    async at(path, version, patience) {
      const newest = await range(path, null, patience);
      if (newest?.version === version || version === null) return newest;
      const old = await range(path, version, patience);
      return old?.version === version ? old : null;
    },
  };
}

function refusalOf({ json }: Reply): { readonly code: number; readonly message: string } {
  const parsed = refusal.safeParse(json);
  return parsed.success ? parsed.data : { code: -1, message: '' };
}

function refused({ name }: Endpoint, reply: Reply): Error {
  const { code, message } = refusalOf(reply);
  const isLogin = code === UNAUTHENTICATED || (code === INVALID_ARGUMENT && /auth|user name/.test(message));
  if (isLogin || reply.status === 401) {
    return denied(name, 'does not take the user and password', 'mend user and password-file of etcd in sources.yaml');
  }
  if (code === PERMISSION_DENIED || reply.status === 403) {
    return denied(
      name,
      'forbids its user to read this key',
      'grant the role of that user to read it: etcdctl role grant-permission',
    );
  }
  return unreachable(name, `it answered ${reply.status}`);
}
