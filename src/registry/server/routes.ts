/** What a request to the distribution API asks for. Pure; everything in it is a stranger's. */
import { type Digest, isDigest } from '../../domain/digest.ts';

export type Asked =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest }
  /** For other Kilns: what is new in a blob. */
  | { readonly kind: 'delta'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'wrong'; readonly code: ErrorName; readonly message: string };

/** The specification's codes, with their HTTP status. */
export const ERRORS = {
  BLOB_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNKNOWN: 500,
  UNSUPPORTED: 405,
} as const;
export type ErrorName = keyof typeof ERRORS;

const MOST_NAMES = 64;
const LONGEST_PATH = 1000;
const PREFIX = '/v2/';
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** `path`: as it came, without the query. */
export function askedBy(path: string): Asked {
  if (path === '/v2' || path === PREFIX) return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const parts = path.split('/');
  const [last = '', verb = ''] = [parts.at(-1), parts.at(-2)];
  const isOurs = parts.at(-3) === '_kiln' && verb === 'delta';
  const repository = parts.slice(2, isOurs ? -3 : -2).join('/');
  if (!path.startsWith(PREFIX) || path.length > LONGEST_PATH || repository === '')
    return wrong('NAME_UNKNOWN', 'this is no address of the distribution API');
  if (repository.length > 255 || !REPOSITORY.test(repository))
    return wrong('NAME_INVALID', 'the name of the repository is malformed');
  switch (verb) {
    case 'tags':
      return last === 'list' ? { kind: 'tags', repository } : wrong('NAME_UNKNOWN', 'this is no address of the distribution API');
    case 'manifests':
      return isDigest(last) || TAG.test(last)
        ? { kind: 'manifest', repository, reference: last }
        : wrong('MANIFEST_UNKNOWN', 'this is neither a digest nor a tag');
    case 'blobs':
    case 'referrers':
      return isDigest(last)
        ? { kind: verb === 'blobs' ? 'blob' : 'referrers', repository, digest: last }
        : wrong('DIGEST_INVALID', 'this is no sha256 digest');
    case 'delta':
      return isOurs && isDigest(last)
        ? { kind: verb, repository, digest: last }
        : wrong('NAME_UNKNOWN', 'this is no address of the distribution API');
    default:
      return wrong('NAME_UNKNOWN', 'this is no address of the distribution API');
  }
}

/** `from=DIGEST,DIGEST`: what a delta may lead from. Those that are no digests are left out. */
export const oldNamesOf = (query: URLSearchParams): readonly Digest[] =>
  (query.get('from') ?? '').split(',', MOST_NAMES).filter((name): name is Digest => isDigest(name));

const wrong = (code: ErrorName, message: string): Asked => ({ kind: 'wrong', code, message });

export interface Range {
  readonly start: number;
  /** The last byte, included. */
  readonly end: number;
}

/** RFC 9110, 14.2, for one range. `all` where there is none or several are asked for; null where it lies outside. */
export function rangeOf(header: string | undefined, size: number): Range | 'all' | null {
  const [, first = '', last = ''] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'all';
  if (first === '') return Number(last) === 0 || size === 0 ? null : { start: Math.max(0, size - Number(last)), end: size - 1 };
  const [start, end] = [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
  if (start >= size) return null;
  return end < start ? 'all' : { start, end };
}

/** The page of sorted names after `last`, and where the next begins. Null: `n` is no number. */
export function pageOf(
  names: readonly string[],
  query: URLSearchParams,
  most: number,
): { names: readonly string[]; last: string | null } | null {
  const asked = query.get('n');
  if (asked !== null && !/^[0-9]{1,9}$/.test(asked)) return null;
  const count = Math.min(asked === null ? most : Number(asked), most);
  const last = query.get('last');
  const rest = last === null ? names : names.filter((name) => name > last);
  const page = rest.slice(0, count);
  return { names: page, last: page.length > 0 && page.length < rest.length ? (page.at(-1) ?? null) : null };
}
