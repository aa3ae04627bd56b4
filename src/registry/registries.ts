/**
 * What this machine knows of registries, for whoever pushes, pulls or bakes: registries.yaml, logins, tokens that still hold,
 * and uploads to go on with. The protocol is src/oci's; nothing here serves or transfers.
 */
import { join } from 'node:path';

import { type CredentialSource, dockerCredentials, dockerFolder } from '../oci/docker-credentials.ts';
import { DEFAULT_TRANSPORT } from '../oci/http.ts';
import type { PushOptions } from '../oci/push.ts';
import { TokenCache } from '../oci/registry-auth.ts';
import type { Home } from '../platform/home.ts';
import { cloudCredentials } from './cloud/cloud.ts';
import { checkLogin, login, type Login, logout } from './logins.ts';
import { readRegistries, type RegistriesFile } from './settings.ts';
import { uploadMemory } from './upload-memory.ts';

export interface Registries {
  /** What a transfer needs; throws what registries.yaml is wrong with. */
  options(signal: AbortSignal): Promise<PushOptions>;
  file(): Promise<RegistriesFile>;
  /** Tries it and keeps it as docker does; answers where. Throws REGISTRY_DENIED. */
  login(given: Login, signal: AbortSignal): Promise<string>;
  /** False: there was none. */
  logout(registry: string): Promise<boolean>;
}

export function openRegistries(home: Home): Registries {
  const tokens = new TokenCache();
  const uploads = uploadMemory(join(home.run, 'uploads'));
  const file = (): Promise<RegistriesFile> => readRegistries(home.root);
  const credentials = firstOf(
    dockerCredentials(),
    cloudCredentials({ env: process.env, transport: DEFAULT_TRANSPORT, originOf }),
  );
  return {
    file,
    async options(signal) {
      const { settings } = await file();
      return { signal, settings, tokens, uploads, credentials };
    },
    async login(given, signal) {
      checkLogin(given);
      const { settings } = await file();
      const kept = await login(given, { signal, settings }, dockerFolder());
      tokens.forget(given.registry);
      return kept;
    },
    logout(registry) {
      tokens.forget(registry);
      return logout(registry, dockerFolder());
    },
  };
}

const originOf = (registry: string): string => `https://${registry}`;

/** What a person has logged in as counts before what the machine is. */
const firstOf =
  (...sources: readonly CredentialSource[]): CredentialSource =>
  async (registry) => {
    for (const source of sources) {
      const found = await source(registry);
      if (found !== null) return found;
    }
    return null;
  };
