/** Values with the randomness of a secret under a name that promises one: `SESSION_SECRET=9f2c…`, in configuration files and environments. */
import { entropy, isExample, isPlaceholder } from './rules/rule.ts';

export const ASSIGNED = { id: 'assigned-secret', severity: 'high', name: 'a value that looks like a secret' } as const;

const NAME =
  /(?:secret|token|passw(?:or)?d|passphrase|(?:^|[_.-])pwd|[_.-]pass(?![a-z])|api[_-]?key|private[_-]?key|access[_-]?key|account[_-]?key|auth[_-]?key|credential)([\w.-]{0,20})/;
/** What says something about a secret: `password_encryption`, `token_url`. */
const ABOUT = /encrypt|algorithm|hash|method|type|policy|length|expir|ttl|file|path|url|uri|name$|id$/i;
const ASSIGNMENT = new RegExp(`${NAME.source}["']?\\s{0,3}(?:=>?|:)\\s{0,3}["']?([^\\s"'\`,;]{8,200})`, 'gi');

/** Files that people write settings in. Not scripts and sources, where a name like that mostly gets a call or a variable. */
const SETTINGS =
  /(?:^|\/)(?:\.env[\w.-]*|[\w.-]*\.(?:env|ini|conf|cfg|cnf|properties|ya?ml|toml|json|xml|tfvars|tfstate)|credentials|config|environment|\.?profile|\.bashrc|\.pypirc|\.s3cfg)$/;

export const isSettings = (path: string): boolean => SETTINGS.test(path);

/** Each with where it is in the text. */
export function assignedSecrets(text: string): readonly { readonly secret: string; readonly at: number }[] {
  const found = [];
  for (const match of text.matchAll(ASSIGNMENT)) {
    const [whole, rest = '', secret = ''] = match;
    if (!ABOUT.test(rest) && isRandom(secret)) found.push({ secret, at: match.index + whole.length - secret.length });
  }
  return found;
}

/** For a variable of an image's environment, a label, or a build argument. */
export const isSecretAssignment = (name: string, value: string): boolean => namesSecret(name) && isRandom(value);

/** A name that promises a secret, whatever its value is. */
export function namesSecret(name: string): boolean {
  const [, rest] = new RegExp(NAME, 'i').exec(name) ?? [];
  return rest !== undefined && !ABOUT.test(rest);
}

/** As random as what a generator makes, and no reference to a value elsewhere, path, URL or sentence. */
export function isRandom(value: string): boolean {
  if (value.length < 8 || isPlaceholder(value) || isExample(value)) return false;
  if (/^[$<{%[(@/.~]|\$\{|\{\{|\(|^https?:|^[\w.]+\.[\w.]+\.\w+\(|^(?:true|false|null|none|undefined)$/i.test(value))
    return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length;
  if (/^[0-9a-f-]{16,}$/i.test(value)) return entropy(value) > 2.8;
  if (/^[a-z]+(?:[._-][a-z]+)*$/i.test(value)) return false;
  return kinds >= 2 && /\d/.test(value) && entropy(value) > (value.length < 16 ? 2.7 : 3.2);
}
