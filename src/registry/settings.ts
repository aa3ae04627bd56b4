/** KILN_HOME/registries.yaml: how this Kiln speaks to registries. Read anew for each command, so that a change counts at once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { KilnError, messageOf } from '../errors/error.ts';
import { DEFAULT_SETTINGS, type RegistrySettings } from '../oci/registry.ts';
import { readSettings } from '../platform/settings-file.ts';

const HOST = '(?:\\[[0-9a-fA-F:]{2,45}\\]|[A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?';
const PATH = '(?:/[a-z0-9._-]{1,100}){1,10}';
const host = z.string().regex(new RegExp(`^${HOST}$`), 'not a host and port');
const mirror = z.string().regex(new RegExp(`^${HOST}(?:${PATH})?$`), 'not HOST[:PORT][/PREFIX]');

const file = z.strictObject({
  push: z
    .string()
    .regex(/^[^\s:@]{1,100}(?::[0-9]{1,5})?\/[a-z0-9._/-]{1,200}$/, 'not REGISTRY/PATH')
    .optional(),
  serve: z.string().min(1).max(255).optional(),
  registries: z
    .record(
      host,
      z.strictObject({
        mirrors: z.array(mirror).max(20).default([]),
        'plain-http': z.boolean().default(false),
        ca: z.string().startsWith('/', 'an absolute path').optional(),
      }),
    )
    .default({}),
});

export interface RegistriesFile {
  /** Where images go that are pushed without a reference: `REGISTRY/PATH`. */
  readonly push: string | null;
  /** Where the daemon serves its store: `HOST:PORT`. Null: it does not. */
  readonly serve: string | null;
  readonly settings: (registry: string) => RegistrySettings;
}

/** Where container tools look for a registry's authority (containers-certs.d(5), dockerd). */
const CERTIFICATE_FOLDERS = ['/etc/containers/certs.d', '/etc/docker/certs.d'];

export const settingsPath = (home: string): string => join(home, 'registries.yaml');

/** Throws CONFIG_SYNTAX or CONFIG_INVALID with the place, FILE_UNREADABLE for a certificate that is named and not there. */
export async function readRegistries(home: string): Promise<RegistriesFile> {
  const { push, serve, registries } = await readSettings(settingsPath(home), file, 'docs/registries.md shows the whole file');
  const known = new Map<string, RegistrySettings>();
  for (const [name, each] of Object.entries(registries)) {
    const authorities = each.ca === undefined ? systemAuthority(name) : certificate(each.ca);
    known.set(name, { mirrors: each.mirrors, plainHttp: each['plain-http'], authorities });
  }
  const settings = (name: string): RegistrySettings =>
    known.get(name) ?? { ...DEFAULT_SETTINGS, authorities: systemAuthority(name) };
  return { push: push ?? null, serve: serve ?? null, settings };
}

function certificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KilnError('FILE_UNREADABLE', `the certificate ${path} can't be read: ${messageOf(cause)}`, {
      hint: 'mend the path in registries.yaml',
      cause,
    });
  }
}

function systemAuthority(registry: string): string | null {
  // The name becomes a path; a reference's grammar allows no slash in it, and this is the second lock.
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(registry) || registry.startsWith('.')) return null;
  for (const folder of CERTIFICATE_FOLDERS) {
    try {
      return readFileSync(join(folder, registry, 'ca.crt'), 'utf8');
    } catch {
      // None there: the next.
    }
  }
  return null;
}
