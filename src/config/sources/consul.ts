/**
 * Consul's key/value store by its HTTP API (developer.hashicorp.com/consul/api-docs/kv). A value's version is its ModifyIndex;
 * Consul keeps no old ones.
 */
import { z } from 'zod';

import { ask, denied, encodedPath, type Endpoint, type Patience, unreachable } from '../ask.ts';
import type { Found, Source } from './source.ts';

export interface ConsulSettings {
  readonly endpoint: Endpoint;
  readonly token: string | null;
  readonly datacenter: string | null;
  readonly namespace: string | null;
}

const values = z.array(z.object({ Value: z.base64().nullable(), ModifyIndex: z.int() })).length(1);

export function consulSource({ endpoint, token, datacenter, namespace }: ConsulSettings): Source {
  const newest = async (key: string, patience: Patience): Promise<Found | null> => {
    const { status, json } = await ask(
      endpoint,
      (address) => {
        const url = new URL(`/v1/kv/${encodedPath(key)}`, address);
        // What a leader says that has asked the others: else a value that was just set may be missed.
        url.searchParams.set('consistent', '');
        if (datacenter !== null) url.searchParams.set('dc', datacenter);
        if (namespace !== null) url.searchParams.set('ns', namespace);
        return { method: 'GET', url, headers: token === null ? {} : { 'x-consul-token': token }, body: null };
      },
      patience,
    );
    if (status === 404) return null;
    if (status === 401 || status === 403) {
      const hint = 'give a token whose policy has key:read for it, as token-file of consul in sources.yaml';
      throw denied(endpoint.name, token === null ? 'asks for a token' : 'forbids its token to read this key', hint);
    }
    const found = values.safeParse(json);
    const [value] = found.data ?? [];
    if (status !== 200 || value === undefined) throw unreachable(endpoint.name, `it answered ${status} with something else`);
    return { bytes: Buffer.from(value.Value ?? '', 'base64'), version: String(value.ModifyIndex) };
  };
  return {
    newest,
    async at(path, version, patience) {
      const found = await newest(path, patience);
      return found?.version === version ? found : null;
    },
  };
}
