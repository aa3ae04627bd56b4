/** What one kind of secret looks like, as data, and what is public although it looks like one. */
import type { Severity } from '../../../domain/gate.ts';

/** Patterns begin with a literal or a short class and have bounded repetitions only: no text makes them slow. */
export interface SecretRule {
  /** Kebab-case, never reused for another meaning. */
  readonly id: string;
  readonly severity: Severity;
  /** What it is, with its article: `a token of GitHub`. */
  readonly name: string;
  /** One of these is in each text that has such a secret. */
  readonly anchors: readonly string[];
  /** Global; group 1, where there is one, is the secret, else the whole. */
  readonly pattern: RegExp;
  /** Only in files whose path (without the leading slash) fits; default: everywhere. */
  readonly paths?: RegExp;
  /** So much of the text after the match is handed to `isReal`. */
  readonly isReal?: (secret: string, after: string) => boolean;
  /** What matches is a header that is the same in all of them; the secret is what follows. */
  readonly isHeader?: boolean;
}

/** Bits for each character, by the frequencies in the text itself. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/** What stands for a password, and is none. */
const PLACEHOLDER =
  /^(?:pass(?:w(?:or)?d|phrase)?|pwd|pw|secret|token|key|user(?:name)?|changeme|example|your.*|my.*pass.*|x+|\*+|\.+|-+|\d{1,5}|foo(?:bar)?|bar|test|pass\d{1,3})$/i;

export function isPassword(secret: string): boolean {
  return (
    /^[\x21-\x7e]+$/.test(secret) &&
    !PLACEHOLDER.test(secret) &&
    !/[$#%]\{?|^[:{<(]|\/\//.test(secret.slice(0, 2)) &&
    !/^\d{1,5}$/.test(secret)
  );
}

const DOCUMENTED =
  /EXAMPLE|(?:^|[^a-z])example(?:$|[^a-z])|(.)\1{7}|1234567890(?:abcdef)?$|abcdefghijklmnop|0123456789|XXXX|placeholder|your[_-]|changeme/i;

/** Documentation's own: `AKIAIOSFODNN7EXAMPLE`, rows of one letter, the alphabet. */
export const isExample = (secret: string): boolean => DOCUMENTED.test(secret);

export const isPlaceholder = (value: string): boolean => PLACEHOLDER.test(value);
