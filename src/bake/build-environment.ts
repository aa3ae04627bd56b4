/**
 * What a command needs of the machine while a step runs, and what must never be in a layer: name resolution, the machine's
 * certificates, its proxies and its npm registry. Files come as read-only mounts, settings as environment.
 */
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { RuntimeMount } from '../linux/runtime-config.ts';
import { exec } from '../platform/exec.ts';

export const CERTIFICATES_FILE = 'ca-certificates.crt';
/** Where commands find it. */
export const CERTIFICATES = `/run/kiln/${CERTIFICATES_FILE}`;

/** Where distributions keep the bundle of all trusted certificates. */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** The variables by which the common tools are told of a bundle. */
const CERTIFICATE_VARIABLES = [
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'NODE_EXTRA_CA_CERTS',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'SSL_CERT_FILE',
  'npm_config_cafile',
];

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'];

const FORBID_DAEMONS = '#!/bin/sh\nexit 101\n';

export async function machineBundle(): Promise<string | null> {
  for (const path of BUNDLES) if (await exists(path)) return path;
  return null;
}

/** The mounts of every command. `folder` is the command's own, for files that have to be written. */
export async function buildMounts(folder: string): Promise<readonly RuntimeMount[]> {
  // policy-rc.d (invoke-rc.d(8)): a package's installation must not start its daemon in a root that is being made.
  const policy = join(folder, 'policy-rc.d');
  await writeFile(policy, FORBID_DAEMONS, { mode: 0o755 });
  const bundle = await machineBundle();
  return [
    readOnly(policy, '/usr/sbin/policy-rc.d'),
    readOnly('/etc/resolv.conf', '/etc/resolv.conf'),
    readOnly('/etc/hosts', '/etc/hosts'),
    ...(bundle === null ? [] : [readOnly(bundle, CERTIFICATES)]),
  ];
}

const readOnly = (from: string, path: string): RuntimeMount => ({ kind: 'bind', from, path, writable: false });

/** Settings that commands find in their environment; not part of any key, since they say where from and not what. */
export async function buildEnvironment(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const bundle = await machineBundle();
  const certificates = bundle === null ? [] : CERTIFICATE_VARIABLES.map((name) => [name, CERTIFICATES] as const);
  const registry = await npmRegistry(signal);
  return {
    ...Object.fromEntries(certificates),
    ...proxies(),
    ...(registry === null ? {} : { npm_config_registry: registry }),
    npm_config_update_notifier: 'false',
  };
}

function proxies(): Readonly<Record<string, string>> {
  const found = PROXY_VARIABLES.flatMap((name) => [name, name.toUpperCase()])
    .map((name) => [name, process.env[name] ?? ''] as const)
    .filter(([, value]) => value !== '');
  return Object.fromEntries(found);
}

async function npmRegistry(signal: AbortSignal): Promise<string | null> {
  const result = await exec('npm', ['config', 'get', 'registry'], { signal, cwd: '/' }).catch(() => null);
  const answer = result?.code === 0 ? result.stdout.trim() : '';
  return /^https?:\/\//.test(answer) ? answer : null;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
