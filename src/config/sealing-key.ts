/**
 * The key that values are sealed with: 32 bytes in a file that is not in KILN_HOME, so that who gets a copy of one (a backup, a
 * disk, a folder sent to somebody) has no value. Made at the first use, where no place was named for it.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';

import { KilnError, messageOf } from '../errors/error.ts';
import { isThere, syncFolder } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';

export interface KeySettings {
  readonly path: string;
  /** Somebody named it: it has to be there. */
  readonly named: boolean;
}

/** What is written of a sealed value. */
export interface Sealed {
  readonly cipher: 'aes-256-gcm';
  /** The id of the key. */
  readonly key: string;
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

export interface SealingKey {
  /** Tells keys apart; says nothing of the key. */
  readonly id: string;
  /** The same for the same reference and value, under the same key. */
  fingerprint(from: string, value: Uint8Array): string;
  /** Bound to the fingerprint: it opens under no other. */
  seal(fingerprint: string, value: Uint8Array): Sealed;
  /** Null: it was changed, or sealed with another key or for another fingerprint. */
  open(fingerprint: string, sealed: Sealed): Buffer | null;
}

/** As systemd hands it over: LoadCredential=kiln-secrets-key:… (or LoadCredentialEncrypted=). */
const CREDENTIAL = 'kiln-secrets-key';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/** `KILN_SECRETS_KEY_FILE`, what sources.yaml names, a credential of systemd's, or a file of the owner's own settings. */
export async function keySettings(named: string | undefined, env: NodeJS.ProcessEnv, uid: number): Promise<KeySettings> {
  const variable = env['KILN_SECRETS_KEY_FILE'] ?? '';
  if (variable !== '') return { path: resolve(variable), named: true };
  if (named !== undefined) return { path: named, named: true };
  const credentials = env['CREDENTIALS_DIRECTORY'];
  if (credentials !== undefined && (await isThere(join(credentials, CREDENTIAL)))) {
    return { path: join(credentials, CREDENTIAL), named: true };
  }
  const folder = uid === 0 ? '/etc' : (env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config'));
  return { path: join(folder, 'kiln', 'secrets.key'), named: false };
}

/** `mayMake`: nothing is sealed yet that another key would have to open. Throws KEY_INVALID. */
export async function openSealingKey({ path, named }: KeySettings, home: Home, mayMake: boolean): Promise<SealingKey> {
  const found = await readKey(path);
  if (found === null) {
    if (named) throw invalid(`the key of secrets ${path} is not there`, HINT_MAKE(path));
    if (!mayMake) {
      throw invalid(
        `the key of secrets ${path} is not there any more, and ${home.sealed} was sealed with it`,
        `put it back; if it is lost, delete ${home.sealed} and deploy again: no release from before can be launched then`,
      );
    }
    await requireApart(dirname(path), home);
    await makeKey(path);
    return openSealingKey({ path, named: true }, home, false);
  }
  await requireApart(path, home);
  return sealingKey(found);
}

const HINT_MAKE = (path: string): string => `make it: (umask 077; openssl rand -base64 ${KEY_BYTES} > ${path})`;

async function readKey(path: string): Promise<Buffer | null> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0 && !path.startsWith('/run/credentials/')) {
      throw invalid(`others may read the key of secrets ${path}`, `chmod 600 ${path}, and consider what was sealed known`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof KilnError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw invalid(`the key of secrets ${path} can't be read: ${messageOf(error)}`, 'let the owner of the daemon read it');
  }
  const key = /^[A-Za-z0-9+/]{43}=\s*$/.test(text) ? Buffer.from(text, 'base64') : null;
  if (key?.length === KEY_BYTES) return key;
  throw invalid(`${path} is no key of secrets: it is not ${KEY_BYTES} bytes in base64`, HINT_MAKE(path));
}

/** Whole or not at all, and never over one that another daemon has just made. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await syncFolder(dirname(path));
  } catch (cause) {
    throw invalid(`no key of secrets can be made at ${path}: ${messageOf(cause)}`, 'name another place in KILN_SECRETS_KEY_FILE');
  } finally {
    await rm(temporary, { force: true });
  }
}

async function requireApart(path: string, { root }: Home): Promise<void> {
  const [real, home] = await Promise.all([path, root].map((each) => realpath(each).catch(() => resolve(each))));
  if (real !== undefined && home !== undefined && `${real}${sep}`.startsWith(`${home}${sep}`)) {
    throw invalid(`the key of secrets ${path} is beside what it seals`, `move it out of ${root}: a copy of that folder has both`);
  }
}

function sealingKey(master: Buffer): SealingKey {
  const derived = (use: string): Buffer => Buffer.from(hkdfSync('sha256', master, '', `kiln ${use} 1`, KEY_BYTES));
  const [sealing, printing] = [derived('seal'), derived('fingerprint')];
  const id = derived('id').toString('hex').slice(0, 12);
  return {
    id,
    fingerprint: (from, value) => createHmac('sha256', printing).update(`${from}\0`).update(value).digest('hex'),
    seal(fingerprint, value) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(fingerprint));
      const data = Buffer.concat([cipher.update(value), cipher.final()]).toString('base64');
      return {
        cipher: 'aes-256-gcm',
        key: id,
        nonce: nonce.toString('base64'),
        tag: cipher.getAuthTag().toString('base64'),
        data,
      };
    },
    open(fingerprint, { nonce, tag, data }) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', sealing, Buffer.from(nonce, 'base64'), { authTagLength: 16 });
        decipher.setAAD(Buffer.from(fingerprint)).setAuthTag(Buffer.from(tag, 'base64'));
        return Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]);
      } catch {
        return null;
      }
    },
  };
}

const invalid = (message: string, hint: string): KilnError => new KilnError('KEY_INVALID', message, { hint });
