/** Which key this machine signs with, and the signing: a file, the environment, or AWS KMS. */
import { createPublicKey, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { messageOf } from '../errors/error.ts';
import { digestFor, keyInvalid, publicKeyOf, readPrivateKey, type PublicKey } from './key-pair.ts';

export interface Signer {
  readonly public: PublicKey;
  /** DER of ECDSA over SHA-256, or Ed25519. What it answers was checked with the public key. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** What the environment says of the key. Taken out of it at the start, so that no program that Kiln runs inherits it. */
export interface SigningSettings {
  /** A path, the key itself in PEM form, or `awskms:///ID`; null: `signing.key` in the folder, where there is one. */
  readonly key: string | null;
  readonly password: string | null;
  readonly passwordFile: string | null;
  /** Where `kiln key create` puts keys. */
  readonly folder: string;
  /** For AWS KMS: credentials, region and endpoint. */
  readonly env: NodeJS.ProcessEnv;
}

export const PRIVATE_KEY_FILE = 'signing.key';
export const PUBLIC_KEY_FILE = 'signing.pub';

const VARIABLES = ['KILN_SIGNING_KEY', 'KILN_SIGNING_KEY_PASSWORD', 'KILN_SIGNING_KEY_PASSWORD_FILE'] as const;

/** Removes them from `env`. */
export function takeSigningSettings(env: NodeJS.ProcessEnv, folder: string): SigningSettings {
  const [key, password, passwordFile] = VARIABLES.map((name) => {
    const value = env[name] ?? '';
    delete env[name];
    return value === '' ? null : value;
  });
  return { key: key ?? null, password: password ?? null, passwordFile: passwordFile ?? null, folder, env };
}

/** Null: this machine has no key, and evidence is made unsigned. Throws KEY_INVALID where one is set that can't be used. */
export async function openSigner(settings: SigningSettings): Promise<Signer | null> {
  const { key, folder, env } = settings;
  if (key?.startsWith('awskms://') === true) {
    const { openKmsSigner } = await import('./kms.ts');
    return openKmsSigner(key, env);
  }
  if (key?.startsWith('-----BEGIN') === true) return pemSigner(key, 'KILN_SIGNING_KEY', settings);
  const path = key ?? join(folder, PRIVATE_KEY_FILE);
  const pem = await readKeyFile(path, key === null);
  return pem === null ? null : pemSigner(pem, path, settings);
}

async function pemSigner(pem: string, name: string, settings: SigningSettings): Promise<Signer> {
  const key = readPrivateKey(pem, name, await passwordOf(settings));
  const mine = publicKeyOf(createPublicKey(key), name);
  return { public: mine, sign: async (message) => sign(digestFor(mine.kind), message, key) };
}

/** The last line's end is not part of it. */
export async function passwordOf({
  password,
  passwordFile,
}: Pick<SigningSettings, 'password' | 'passwordFile'>): Promise<string | null> {
  if (passwordFile === null) return password;
  const text = await readFile(passwordFile, 'utf8').catch((cause: unknown) => {
    throw keyInvalid(
      `the password file ${passwordFile} can't be read: ${messageOf(cause)}`,
      'mend KILN_SIGNING_KEY_PASSWORD_FILE',
    );
  });
  return text.replace(/\r?\n$/, '');
}

/** Null: not there, where it need not be. A key that others may read is not used. */
async function readKeyFile(path: string, optional: boolean): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw keyInvalid(`others may read the private key ${path}`, `chmod 600 ${path}, and consider it known`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && optional) return null;
    if (code === undefined || code === 'KEY_INVALID') throw error;
    throw keyInvalid(
      `the private key ${path} can't be read: ${messageOf(error)}`,
      'mend KILN_SIGNING_KEY, a path, a PEM or awskms:///ID',
    );
  }
}
