/** Asking a cloud for a login: what every cloud's way has in common. */
import type { z } from 'zod';

import { KilnError } from '../../errors/error.ts';
import type { Credentials } from '../../oci/docker-credentials.ts';
import { type Body, textBody } from '../../oci/http-connection.ts';
import { jsonOf, type Request, retrying, send, type Transport } from '../../oci/http.ts';

export interface CloudLogin {
  readonly credentials: Credentials;
  readonly seconds: number;
}

export interface Cloud {
  readonly env: NodeJS.ProcessEnv;
  readonly transport: Transport;
  /** Where a registry is asked. */
  readonly originOf: (registry: string) => string;
}

const ANSWER_BYTES = 1 << 20;

/**
 * One question to a cloud's login service; its answer as the schema says. Throws REGISTRY_DENIED where it refuses: never with
 * what it said, which may quote what it was sent.
 */
export async function askCloud<T extends z.ZodType>(
  schema: T,
  request: Omit<Request, 'authorization' | 'body'> & { readonly body?: string },
  { transport }: Cloud,
): Promise<z.output<T>> {
  const { url, body, ...rest } = request;
  return retrying(url.host, transport, async () => {
    const content: { body?: Body } = body === undefined ? {} : { body: textBody(body) };
    const answer = await send({ ...rest, url, authorization: null, ...content }, transport);
    const parsed = schema.safeParse(jsonOf(await answer.bytes(ANSWER_BYTES)));
    if (answer.status === 200 && parsed.success) return parsed.data;
    const why = answer.status === 200 ? 'answered something else than documented' : `answered ${answer.status}`;
    throw cloudDenied(`${url.host}, asked for a login, ${why}`);
  });
}

export const cloudDenied = (message: string): KilnError =>
  new KilnError('REGISTRY_DENIED', message, {
    hint: 'check the identity that this machine has in its cloud, and what it may do there',
  });

export const formOf = (members: Readonly<Record<string, string>>): Pick<Request, 'headers'> & { readonly body: string } => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(members).toString(),
});
