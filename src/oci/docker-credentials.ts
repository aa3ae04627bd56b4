/** Credentials that `docker login` left: ~/.docker/config.json and the programs it names (docker-credential-helpers' protocol). */
import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { KilnError } from '../errors/error.ts';
import { exec } from '../platform/exec.ts';
import { readIfThere } from '../platform/files.ts';
import { jsonOf } from './http.ts';

export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token. */
  | { readonly kind: 'token'; readonly token: string };

/** Null: none are known, ask anonymously. */
export type CredentialSource = (registry: string) => Promise<Credentials | null>;

/** Docker's own name for the Hub. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HELPER = /^[A-Za-z0-9._-]+$/;

const entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});
const file = z.object({
  auths: z.record(z.string(), entry).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});
const answer = z.object({ Username: z.string(), Secret: z.string() });

/** Where config.json is: as for docker, DOCKER_CONFIG or ~/.docker. */
export const dockerFolder = (): string => process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker');

/** Read anew for each registry: a login counts at once. */
export function dockerCredentials(folder: string = dockerFolder()): CredentialSource {
  return async (registry) => {
    const path = join(folder, 'config.json');
    const text = await readIfThere(path);
    if (text === null) return null;
    const config = parseDockerConfig(text, path);
    const key = keyOf(registry);
    const helper = helperFor(config, registry);
    const helped = helper === null ? null : await askHelper(helper, key);
    return helped ?? fromAuths(config.auths, key, registry);
  };
}

/** What a registry is called in config.json and by helpers. */
export const keyOf = (registry: string): string => (registry === 'docker.io' ? HUB_KEY : registry);

/** The program that keeps the registry's login; null where the file itself does. */
export function helperFor({ credHelpers, credsStore }: DockerConfig, registry: string): string | null {
  return credHelpers[registry] ?? credHelpers[keyOf(registry)] ?? credsStore ?? null;
}

export type DockerConfig = z.output<typeof file>;

export function parseDockerConfig(text: string, path: string): DockerConfig {
  try {
    return file.parse(JSON.parse(text));
  } catch {
    // Without the cause: a parser's message quotes the text, and the text holds passwords.
    throw new KilnError('REGISTRY_DENIED', `${path} is malformed`, {
      hint: 'mend the file, or move it away and log in again',
      at: { file: path },
    });
  }
}

function fromAuths(auths: Readonly<Record<string, z.output<typeof entry>>>, key: string, registry: string): Credentials | null {
  const found =
    auths[key] ??
    auths[registry] ??
    auths[`https://${registry}`] ??
    auths[`https://${registry}/v1/`] ??
    auths[`https://${registry}/v2/`];
  if (found === undefined) return null;
  if (found.identitytoken !== undefined && found.identitytoken !== '') return { kind: 'token', token: found.identitytoken };
  const pair =
    found.auth === undefined
      ? `${found.username ?? ''}:${found.password ?? ''}`
      : Buffer.from(found.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 1) return null;
  return { kind: 'password', username: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') };
}

async function askHelper(name: string, key: string): Promise<Credentials | null> {
  const { code, stdout } = await runHelper(name, 'get', key);
  if (code !== 0) {
    if (/credentials not found/i.test(stdout)) return null;
    throw helperFailed(name, `failed with exit code ${code}`);
  }
  const parsed = answer.safeParse(jsonOf(Buffer.from(stdout)));
  if (!parsed.success) throw helperFailed(name, 'answered something malformed');
  const { Username: username, Secret: secret } = parsed.data;
  return username === '<token>' ? { kind: 'token', token: secret } : { kind: 'password', username, password: secret };
}

/** Hands a login to a helper to keep, or takes it away. */
export async function tellHelper(name: string, verb: 'store' | 'erase', input: string): Promise<void> {
  const { code, stdout } = await runHelper(name, verb, input);
  if (code === 0 || (verb === 'erase' && /credentials not found/i.test(stdout))) return;
  throw helperFailed(name, `failed with exit code ${code}`);
}

function runHelper(name: string, verb: string, input: string): Promise<{ code: number | null; stdout: string }> {
  if (!HELPER.test(name)) throw helperFailed(name, 'has a malformed name');
  return exec(`docker-credential-${name}`, [verb], { input });
}

/** Never with what the program printed: that may be the secret. */
function helperFailed(name: string, why: string): KilnError {
  return new KilnError('REGISTRY_DENIED', `the credential program "docker-credential-${name}" ${why}`, {
    hint: `run \`docker-credential-${name}\` by hand, or take it out of ~/.docker/config.json`,
  });
}
