/**
 * Where sources are and who this machine is there: KILN_HOME/sources.yaml, else the variables that the sources' own tools take,
 * as the daemon was started with them. Never kiln.yaml. Read anew for each use, so that a change counts at once; sources.yaml
 * names files of credentials and holds none.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import type { SourceKind } from '../domain/reference.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { isLoopback } from '../oci/http-connection.ts';
import { isThere } from '../platform/files.ts';
import { readSettings } from '../platform/settings-file.ts';
import type { Endpoint } from './ask.ts';

const path = z.string().startsWith('/', 'expected an absolute path');
const text = z.string().min(1);
const connection = { ca: path.optional(), cert: path.optional(), key: path.optional(), 'plain-http': z.boolean().default(false) };

const file = z.strictObject({
  etcd: z
    .strictObject({
      ...connection,
      addresses: z.array(text).min(1).max(20),
      user: text.optional(),
      'password-file': path.optional(),
    })
    .optional(),
  consul: z
    .strictObject({
      ...connection,
      address: text,
      'token-file': path.optional(),
      datacenter: text.optional(),
      namespace: text.optional(),
    })
    .optional(),
  vault: z
    .strictObject({
      ...connection,
      address: text,
      'token-file': path.optional(),
      'role-id': text.optional(),
      'secret-id-file': path.optional(),
      namespace: text.optional(),
    })
    .optional(),
  aws: z.strictObject({ region: text.optional(), endpoint: text.optional(), profile: text.optional() }).optional(),
  /** Folders of this machine that `file:///…` may name something in. */
  files: z.array(path).max(100).default([]),
  'secrets-key': path.optional(),
});

export type SourcesFile = z.output<typeof file>;

export const sourcesPath = (home: string): string => join(home, 'sources.yaml');

/** Throws as `readSettings`. */
export const readSources = (home: string): Promise<SourcesFile> =>
  readSettings(sourcesPath(home), file, 'docs/configuration.md shows the whole file');

export interface Connection {
  readonly addresses: readonly string[];
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly 'plain-http'?: boolean;
}

/** Throws SOURCE_UNKNOWN for an address that can't be used, FILE_UNREADABLE for a certificate. */
export async function endpointOf(kind: SourceKind, said: Connection): Promise<Endpoint> {
  const { cert, key } = said;
  return {
    name: kind,
    addresses: said.addresses.map((address) => checkedAddress(kind, address, said['plain-http'] ?? false)),
    authorities: said.ca === undefined ? null : await readNamed(said.ca),
    identity: cert === undefined || key === undefined ? null : { cert: await readNamed(cert), key: await readNamed(key) },
  };
}

/** Over a network only encrypted, unless a person says otherwise; never with a user or a path in it. */
export function checkedAddress(kind: SourceKind, address: string, plainHttp: boolean): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw unusable(`the address of ${kind} is no URL`, 'write it as https://HOST:PORT');
  }
  if (url.username !== '' || url.password !== '') {
    throw unusable(`the address of ${kind} has a user or password in it`, 'give them apart, by a file of their own');
  }
  if (url.pathname !== '/' || url.search !== '') throw unusable(`the address of ${kind} has a path`, 'write https://HOST:PORT');
  if (url.protocol === 'http:' && !plainHttp && !isLoopback(url)) {
    throw unusable(
      `${url.origin} is not encrypted, and not on this machine: values would be read on the way`,
      `use https, or set plain-http: true for ${kind} in sources.yaml`,
    );
  }
  return url.origin;
}

/** A file of a credential: its last line's end is not part of it. */
export const readCredential = async (path: string): Promise<string> => (await readNamed(path)).replace(/\r?\n$/, '');

function readNamed(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be read: ${messageOf(cause)}`, {
      hint: 'mend the path in sources.yaml or the environment',
      cause,
    });
  });
}

/** Credentials in the environment: taken out of it at the start, so that no program that Kiln runs inherits them. */
const CREDENTIALS = ['VAULT_TOKEN', 'CONSUL_HTTP_TOKEN', 'ETCDCTL_USER', 'ETCDCTL_PASSWORD'];

/** A copy of `env`, from which they are removed. */
export function takeSourceVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const whole = { ...env };
  for (const name of CREDENTIALS) delete env[name];
  return whole;
}

/** Where `vault login` leaves its token. */
export async function tokenHelperFile(env: NodeJS.ProcessEnv): Promise<string | null> {
  const own = join(env['HOME'] ?? homedir(), '.vault-token');
  return (await isThere(own)) ? own : null;
}

export const unusable = (message: string, hint: string): KilnError => new KilnError('SOURCE_UNKNOWN', message, { hint });
