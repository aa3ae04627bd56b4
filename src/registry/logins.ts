/** Logins that people make: kept as docker keeps them (config.json or a credential helper), so that both see the same. */
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';
import {
  type Credentials,
  type DockerConfig,
  helperFor,
  keyOf,
  parseDockerConfig,
  tellHelper,
} from '../oci/docker-credentials.ts';
import { Registry, type RegistryOptions } from '../oci/registry.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';

export interface Login {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** Tries the login at the registry, then keeps it. Answers who keeps it: a file's path or a helper's name. Throws REGISTRY_DENIED. */
export async function login(given: Login, options: RegistryOptions, folder: string): Promise<string> {
  const credentials: Credentials = { kind: 'password', username: given.username, password: given.password };
  const { tokens: _, ...others } = options;
  const probe = new Registry({ registry: given.registry, repository: '' }, { ...others, credentials: async () => credentials });
  await probe.check();
  const [config, path] = await open(folder);
  const helper = helperFor(config.known, given.registry);
  if (helper !== null) {
    const { username: Username, password: Secret } = given;
    await tellHelper(helper, 'store', JSON.stringify({ ServerURL: keyOf(given.registry), Username, Secret }));
    return `docker-credential-${helper}`;
  }
  const auth = Buffer.from(`${given.username}:${given.password}`).toString('base64');
  await write(path, config.whole, { ...authsIn(config.whole), [keyOf(given.registry)]: { auth } });
  return path;
}

/** Answers false where there was none. */
export async function logout(registry: string, folder: string): Promise<boolean> {
  const [config, path] = await open(folder);
  const helper = helperFor(config.known, registry);
  if (helper !== null) await tellHelper(helper, 'erase', keyOf(registry));
  const { [keyOf(registry)]: found, ...others } = authsIn(config.whole);
  if (found !== undefined) await write(path, config.whole, others);
  return found !== undefined || helper !== null;
}

type Members = Readonly<Record<string, unknown>>;

/** What Kiln knows of it, and the whole: what other tools keep there stays. */
async function open(folder: string): Promise<[config: { known: DockerConfig; whole: Members }, path: string]> {
  const path = join(folder, 'config.json');
  const text = (await readIfThere(path)) ?? '{}';
  return [{ known: parseDockerConfig(text, path), whole: JSON.parse(text) as Members }, path];
}

const authsIn = (whole: Members): Members => (whole['auths'] ?? {}) as Members;

/** A password with a colon is fine; a user's name with one can't be told from it. */
export function checkLogin({ registry, username, password }: Login): void {
  const wrong =
    username === '' || /[:\s]/.test(username)
      ? 'the user name is empty or has a colon or space in it'
      : password === '' || /[\r\n\0]/.test(password)
        ? 'the password is empty or more than one line'
        : null;
  if (wrong === null) return;
  throw new KilnError('USAGE', `this is no login for ${registry}: ${wrong}`, {
    hint: 'give the user with --user and the password on standard input: `kiln login REGISTRY --user NAME < FILE`',
  });
}

const write = (path: string, whole: Members, auths: Members): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify({ ...whole, auths }, null, '\t')}\n`, 0o600);
