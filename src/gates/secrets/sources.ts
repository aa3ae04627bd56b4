/** Passwords that somebody wrote between quotes into a program: `const dbPassword = 'x9…'`. Pure. */
import { isRandom } from './assignments.ts';
import { entropy } from './rules/rule.ts';

export const QUOTED = { id: 'quoted-secret', severity: 'high', name: 'a value that looks like a secret' } as const;

const SOURCE =
  /\.(?:[cm]?[jt]sx?|vue|svelte|py|rb|php|go|java|kts?|scala|groovy|gradle|cs|vb|fs|rs|swift|c|cc|cpp|h|pl|pm|lua|sh|bash|zsh|ps1|exs?|erl|clj|r|sql|tf|bicep|dart)$/i;
/** What only shows how something is tested holds passwords of nothing. */
const TEST =
  /(?:^|\/)(?:tests?|testing|__tests__|specs?|fixtures|mocks?|examples?)\/|[._-](?:test|spec)\.\w+$|(?:^|\/)test_[^/]*$/i;

export const isSource = (path: string): boolean => SOURCE.test(path) && !TEST.test(path);

/** How a language gives a name a value: `=`, `:=`, `:`, `=>`, `: string =`, or the next of `define('X', 'y')`. */
const GIVEN = String.raw`["'\]]{0,2}\s{0,3}(?::\s{0,3}[A-Za-z]{1,12}\s{0,3}=|:?=>?|:|(?<=["'])\s?,)\s{0,3}`;
const VALUE = String.raw`(["'\x60])([^\s"'\x60]{8,200})\1`;
/** What says something about a secret: `password_field`, `tokenUrl`. */
const ABOUT = String.raw`(?!\w{0,12}(?:hash|policy|field|file|path|url|name|type|header|prefix|id\b))`;

const PASSWORD = named(String.raw`(?:passw(?:or)?d|passphrase|pwd|[_.-]pass(?![a-z]))`);
const TOKEN = named('(?:secret|token|api[_-]?key|private[_-]?key|access[_-]?key|auth[_-]?key)');

function named(names: string): RegExp {
  return new RegExp(`${names}${ABOUT}\\w{0,20}${GIVEN}${VALUE}`, 'gi');
}

/** Each with where it is in the text. */
export const quotedSecrets = (text: string): readonly { readonly secret: string; readonly at: number }[] => [
  ...valuesOf(PASSWORD, text).filter(({ secret }) => isRandom(secret)),
  ...valuesOf(TOKEN, text).filter(({ secret }) => isGenerated(secret)),
];

const valuesOf = (pattern: RegExp, text: string): readonly { readonly secret: string; readonly at: number }[] =>
  [...text.matchAll(pattern)].map(({ 0: whole, 2: secret = '', index }) => ({
    secret,
    at: index + whole.length - 1 - secret.length,
  }));

/** A program's own words have these names, too: of them only what a generator makes is one. */
const isGenerated = (value: string): boolean =>
  value.length >= 16 && isRandom(value) && entropy(value) > 3 && !/^[a-z]+\d{0,2}(?:[._:/-][a-z]+\d{0,2})*$/i.test(value);
