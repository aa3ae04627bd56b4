/** What of a difference may be a secret: it is left out, since who asks for a difference may show it to anybody. Pure. */
import { namesSecret } from '../gates/secrets/assignments.ts';
import { secretsIn } from '../gates/secrets/text.ts';
import type { Json } from '../domain/json.ts';
import type { Change } from './contract.ts';

/** Parts of names that promise one, beyond those that the gate knows; what is hidden in vain does no harm here. */
const WORDS: ReadonlySet<string> = new Set(['pass', 'pwd', 'auth', 'dsn', 'cookie', 'salt', 'key', 'cert']);
/** What says where something is, rather than what. */
const PLACES: ReadonlySet<string> = new Set(['file', 'path', 'dir', 'folder', 'name', 'id', 'type', 'ttl']);
/** `postgres://ada:hunter2@db/web`, however simple the password. */
const LOGIN = /:\/\/[^\s/@:]*:[^\s/@]+@/;
/** What no text of it is shown of. */
const PRIVATE_FILES =
  /^etc\/(?:g?shadow|security\/opasswd)|^etc\/ssl\/private\/|(?:^|\/)(?:\.env(?:\.[\w.-]+)?|\.netrc|\.npmrc|\.pgpass|\.git-credentials|id_(?:rsa|dsa|ecdsa|ed25519))$|\.(?:key|p12|pfx|jks|keystore)$/;

type Found = Pick<Change, 'where' | 'first' | 'second'>;

/** Nothing of it is a secret, whatever it looks like. */
export const showing = ({ where, first, second }: Found): Change => ({
  where,
  what: whatOf(first, second),
  first,
  second,
  hidden: false,
});

const whatOf = (first: Json, second: Json): Change['what'] =>
  first === null ? 'added' : second === null ? 'removed' : 'changed';

export function hiding({ where, first, second }: Found): Change {
  const what = whatOf(first, second);
  const isNamed = where.length > 1 && promisesSecret(where.at(-1) ?? '');
  const hidden = [first, second].some(
    (value) => (isNamed && value !== null && value !== '') || textsIn(value).some((text) => holdsSecret(text)),
  );
  return hidden ? { where, what, first: null, second: null, hidden } : { where, what, first, second, hidden };
}

/** Of a file of an image; `path` relative, bytes as latin1. */
export const isPrivate = (path: string, content: Buffer): boolean =>
  PRIVATE_FILES.test(path) || holdsSecret(content.toString('latin1'), path);

export const holdsSecret = (text: string, path: string | null = null): boolean =>
  LOGIN.test(text) || secretsIn(text, path).length > 0;

function promisesSecret(name: string): boolean {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (PLACES.has(words.at(-1) ?? '')) return false;
  return namesSecret(name) || words.some((word) => WORDS.has(word));
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsIn);
}
