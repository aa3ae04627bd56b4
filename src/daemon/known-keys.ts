/** The keys by whose names signers are shown: this machine's own, and the public keys in the home's folder of keys. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { readPublicKey, type PublicKey } from '../keys/key-pair.ts';
import type { Parts } from './parts.ts';

const ENDING = '.pub';
const MOST_KEYS = 100;

/** What is no key is left out: to be known by name is no right. Which signers are trusted is said by who asks. */
export async function knownKeys({ home, signer }: Pick<Parts, 'home' | 'signer'>): Promise<readonly PublicKey[]> {
  const own = await signer().catch(ignoreUnusable);
  const names = (await readdir(home.keys).catch(() => [])).filter((name) => name.endsWith(ENDING)).slice(0, MOST_KEYS);
  const named = await Promise.all(names.map((name) => keyIn(join(home.keys, name))));
  const found = [...(own === null ? [] : [{ ...own.public, name: 'this machine' }]), ...named.filter((key) => key !== null)];
  return [...new Map(found.toReversed().map((key) => [key.id, key])).values()].toReversed();
}

async function keyIn(path: string): Promise<PublicKey | null> {
  const pem = await readFile(path, 'utf8').catch(() => '');
  try {
    return readPublicKey(pem, basename(path, ENDING));
  } catch (error) {
    return ignoreUnusable(error);
  }
}

function ignoreUnusable(error: unknown): null {
  if (error instanceof KilnError) return null;
  throw error;
}
