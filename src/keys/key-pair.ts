/**
 * The keys that evidence is signed with and checked by: ECDSA over P-256 with SHA-256, or Ed25519, in the forms that openssl
 * and cosign read. This folder owns key files, the signer of this machine and AWS KMS as one; it knows nothing of what is
 * signed. No private key and no password ever gets into an error, a log or an argument of a program.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, KeyObject, verify } from 'node:crypto';

import { KilnError } from '../errors/error.ts';

export type KeyKind = 'p256' | 'ed25519';

export interface PublicKey {
  /** sha256 of the key's DER form (SubjectPublicKeyInfo), in hexadecimal: `openssl pkey -pubin -outform DER | sha256sum`. */
  readonly id: string;
  readonly kind: KeyKind;
  /** What people call it: the file that it came from. */
  readonly name: string;
  readonly pem: string;
  /** Whether the signature is that key's over the message: DER of ECDSA over SHA-256, or Ed25519. Never throws. */
  verifies(message: Uint8Array, signature: Uint8Array): boolean;
}

/** A key in PEM is some hundred bytes; RSA's largest, a few thousand. */
const MOST_BYTES = 32_768;

export interface KeyPair {
  readonly public: PublicKey;
  /** PKCS #8 in PEM; encrypted where a password was given. */
  readonly privatePem: string;
}

export function createKeyPair(kind: KeyKind, password: string | null): KeyPair {
  const pair = kind === 'p256' ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) : generateKeyPairSync('ed25519');
  const form = { type: 'pkcs8', format: 'pem' } as const;
  const locked = password === null ? form : { ...form, cipher: 'aes-256-cbc', passphrase: password };
  return { public: publicKeyOf(pair.publicKey, 'the new key'), privatePem: pair.privateKey.export(locked).toString() };
}

/** Throws KEY_INVALID for what is no public key, or of a kind that Kiln does not take. */
export function readPublicKey(pem: string, name: string): PublicKey {
  if (pem.includes('PRIVATE KEY')) {
    throw keyInvalid(`${name} holds a private key where a public one is asked for`, 'give the file that ends in .pub');
  }
  return publicKeyOf(
    parsed(pem, name, () => createPublicKey(pem)),
    name,
  );
}

/** Throws KEY_INVALID; also where it is encrypted and the password is missing or wrong. */
export function readPrivateKey(pem: string, name: string, password: string | null): KeyObject {
  if (pem.includes('ENCRYPTED SIGSTORE') || pem.includes('ENCRYPTED COSIGN')) {
    throw keyInvalid(`${name} is in cosign's own form, which only cosign reads`, 'make one with `kiln key create`, or openssl');
  }
  const locked = pem.includes('ENCRYPTED');
  if (locked && password === null) {
    throw keyInvalid(`${name} is encrypted, and no password is set`, 'set KILN_SIGNING_KEY_PASSWORD or …_PASSWORD_FILE');
  }
  const key = parsed(pem, name, () => createPrivateKey({ key: pem, ...(locked ? { passphrase: password ?? '' } : {}) }), locked);
  kindOf(key, name);
  return key;
}

export function publicKeyOf(key: KeyObject, name: string): PublicKey {
  const kind = kindOf(key, name);
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    id: createHash('sha256').update(der).digest('hex'),
    kind,
    name,
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
    verifies(message, signature) {
      try {
        return verify(digestFor(kind), message, key, signature);
      } catch {
        return false; // A signature that is not even well-formed.
      }
    },
  };
}

/** What node:crypto wants to be told: Ed25519 brings its own hash. */
export const digestFor = (kind: KeyKind): 'sha256' | null => (kind === 'p256' ? 'sha256' : null);

export function keyInvalid(message: string, hint: string): KilnError {
  return new KilnError('KEY_INVALID', message, { hint });
}

/** Without the cause: what a parser says of a private key may quote it. */
function parsed(pem: string, name: string, parse: () => KeyObject, locked = false): KeyObject {
  if (pem.length > MOST_BYTES) throw keyInvalid(`${name} is too large for a key`, 'name a file with one key in PEM form');
  try {
    return parse();
  } catch {
    const why = locked ? 'cannot be opened: the password is wrong, or the file is damaged' : 'is no key in PEM form';
    throw keyInvalid(`${name} ${why}`, 'make a pair with `kiln key create`, or openssl genpkey');
  }
}

function kindOf(key: KeyObject, name: string): KeyKind {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'p256';
  const found = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
  throw keyInvalid(`${name} is a key of the kind ${found}`, 'use ECDSA over P-256 (also called prime256v1) or Ed25519');
}
