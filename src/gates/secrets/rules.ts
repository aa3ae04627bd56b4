/**
 * What secrets look like, as data. Patterns begin with a literal or a short class and have bounded repetitions only: no text
 * makes them slow. What is public although it looks like a secret (documentation's examples) is in `isExample`.
 */
import type { Severity } from '../../domain/gate.ts';

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
}

const B64 = /[A-Za-z0-9+/]{40}/;
const AZURE_EMULATOR = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq';

export const SECRET_RULES: readonly SecretRule[] = [
  {
    id: 'private-key',
    severity: 'critical',
    name: 'a private key',
    anchors: ['PRIVATE KEY'],
    pattern: /-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----/g,
    isReal: (_, after) => B64.test(after.replaceAll('\\n', '\n')),
  },
  {
    id: 'putty-key',
    severity: 'critical',
    name: 'a private key of PuTTY',
    anchors: ['PuTTY-User-Key-File'],
    pattern: /PuTTY-User-Key-File-\d: ssh-/g,
    isReal: (_, after) => B64.test(after),
  },
  {
    id: 'age-key',
    severity: 'critical',
    name: 'a key of age',
    anchors: ['AGE-SECRET-KEY-1'],
    pattern: /AGE-SECRET-KEY-1[A-Z0-9]{58}/g,
  },
  {
    id: 'aws-access-key',
    severity: 'high',
    name: 'an access key id of AWS',
    anchors: ['AKIA', 'ASIA'],
    pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])/g,
  },
  {
    id: 'aws-secret-key',
    severity: 'critical',
    name: 'a secret key of AWS',
    anchors: ['ecret', 'ECRET'],
    pattern: /(?:secret_?(?:access_?)?key)["']?\s{0,3}[:=]\s{0,3}["']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
    isReal: (secret) => /[a-z]/.test(secret) && /[A-Z]/.test(secret) && /\d/.test(secret),
  },
  {
    id: 'gcp-service-account',
    severity: 'critical',
    name: 'a key of a Google service account',
    anchors: ['private_key_id'],
    pattern: /private_key_id\\?"\s{0,4}:\s{0,4}\\?"([0-9a-f]{40})\\?"/g,
  },
  {
    id: 'gcp-api-key',
    severity: 'high',
    name: 'an API key of Google',
    anchors: ['AIza'],
    pattern: /(?<![\w-])AIza[\w-]{35}(?![\w-])/g,
  },
  {
    id: 'google-oauth-secret',
    severity: 'critical',
    name: 'an OAuth secret of Google',
    anchors: ['GOCSPX-'],
    pattern: /(?<![\w-])GOCSPX-[\w-]{28}(?![\w-])/g,
  },
  {
    id: 'azure-storage-key',
    severity: 'critical',
    name: 'a storage key of Azure',
    anchors: ['AccountKey='],
    pattern: /AccountKey=([A-Za-z0-9+/]{86}==)/g,
    isReal: (secret) => !secret.startsWith(AZURE_EMULATOR),
  },
  {
    id: 'azure-client-secret',
    severity: 'critical',
    name: 'a client secret of Azure',
    anchors: ['Q~'],
    pattern: /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])/g,
  },
  {
    id: 'azure-sas',
    severity: 'high',
    name: 'a shared access signature of Azure',
    anchors: ['sig='],
    pattern: /[?&;]sig=([A-Za-z0-9%+/]{43,64}(?:%3D|=))/gi,
  },
  {
    id: 'github-token',
    severity: 'critical',
    name: 'a token of GitHub',
    anchors: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?![A-Za-z0-9])/g,
  },
  {
    id: 'gitlab-token',
    severity: 'critical',
    name: 'a token of GitLab',
    anchors: ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'glft-', 'glsoat-', 'glagent-'],
    pattern: /(?<![A-Za-z0-9])gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent)-[\w-]{20,80}(?![\w-])/g,
    isReal: (secret) => entropy(secret.slice(6)) > 2.8,
  },
  {
    id: 'slack-token',
    severity: 'critical',
    name: 'a token of Slack',
    anchors: ['xox', 'xapp-'],
    pattern: /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250})/g,
    isReal: (secret) => /\d{5}/.test(secret),
  },
  {
    id: 'slack-webhook',
    severity: 'high',
    name: 'a webhook of Slack',
    anchors: ['hooks.slack.com/'],
    pattern: /hooks\.slack\.com\/(?:services|workflows)\/(T\w{7,12}\/[AB]\w{7,12}\/[\w/]{16,60})/g,
  },
  {
    id: 'stripe-key',
    severity: 'critical',
    name: 'a key of Stripe',
    anchors: ['k_live_', 'k_test_', 'whsec_'],
    pattern: /(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/=]{32,80})/g,
  },
  {
    id: 'npm-token',
    severity: 'critical',
    name: 'a token of npm',
    anchors: ['npm_'],
    pattern: /(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])/g,
  },
  {
    id: 'npmrc-auth',
    severity: 'critical',
    name: 'a login of npm',
    anchors: ['_auth', '_password'],
    pattern: /(?:_authToken|_auth|_password)\s{0,3}=\s{0,3}["']?([^\s"'$]{8,400})/g,
    paths: /(?:^|\/)\.?(?:npmrc|yarnrc)$/,
  },
  { id: 'pypi-token', severity: 'critical', name: 'a token of PyPI', anchors: ['pypi-AgE'], pattern: /pypi-AgE[\w-]{50,300}/g },
  {
    id: 'docker-login',
    severity: 'critical',
    name: 'a login of a registry',
    anchors: ['"auth"', '"identitytoken"'],
    pattern: /"(?:auth|identitytoken)"\s{0,4}:\s{0,4}"([A-Za-z0-9+/._-]{8,4000}={0,2})"/g,
    paths: /(?:^|\/)(?:\.docker\/config\.json|\.dockercfg|\.dockerconfigjson|containers\/auth\.json)$/,
  },
  {
    id: 'docker-token',
    severity: 'critical',
    name: 'a token of Docker Hub',
    anchors: ['dckr_'],
    pattern: /dckr_(?:pat|oat)_[\w-]{20,60}/g,
  },
  {
    id: 'netrc',
    severity: 'critical',
    name: 'a password',
    anchors: ['password'],
    pattern: /(?<![\w])password\s{1,8}(\S{3,200})/g,
    paths: /(?:^|\/)[._]netrc$/,
  },
  {
    id: 'pgpass',
    severity: 'critical',
    name: 'a password of PostgreSQL',
    anchors: [':'],
    pattern: /^[^:#\n]{1,200}:[^:\n]{1,10}:[^:\n]{1,100}:[^:\n]{1,100}:([^\n]{3,200})$/gm,
    paths: /(?:^|\/)\.pgpass$/,
  },
  {
    id: 'password-hash',
    severity: 'high',
    name: "a password's hash",
    anchors: [':$'],
    pattern: /^[^:\n]{1,64}:(\$(?:[1567y]|2[aby]|apr1)\$[^:\n]{8,200})/gm,
    paths: /(?:^|\/)(?:shadow-?|\.?htpasswd)$/,
  },
  {
    id: 'jwt',
    severity: 'high',
    name: 'a JSON web token',
    anchors: ['eyJ'],
    pattern: /(?<![\w-])eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{20,1000}/g,
    isReal: isSignedToken,
  },
  {
    id: 'basic-auth-url',
    severity: 'high',
    name: 'a password in a URL',
    anchors: ['://'],
    pattern:
      /(?<=[a-z0-9]):\/\/[^\s:@/"'`<>{}[\]()$%\\|,;]{0,100}:([^\s@/"'`<>{}[\]()\\|,]{3,200})@(?![\w.-]*\bexample\b)[A-Za-z0-9[][\w.:-]{1,200}/gi,
    isReal: isPassword,
  },
  {
    id: 'vault-token',
    severity: 'critical',
    name: 'a token of Vault',
    anchors: ['hvs.', 'hvb.'],
    pattern: /(?<![\w.])hv[sb]\.[\w-]{24,300}/g,
    isReal: (secret) => entropy(secret) > 3.5,
  },
  {
    id: 'sendgrid-key',
    severity: 'critical',
    name: 'a key of SendGrid',
    anchors: ['SG.'],
    pattern: /(?<![\w.])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g,
  },
  {
    id: 'digitalocean-token',
    severity: 'critical',
    name: 'a token of DigitalOcean',
    anchors: ['dop_v1_', 'doo_v1_', 'dor_v1_'],
    pattern: /do[por]_v1_[0-9a-f]{64}/g,
  },
  {
    id: 'ai-key',
    severity: 'critical',
    name: 'a key of a model provider',
    anchors: ['sk-ant-', 'sk-proj-', 'T3BlbkFJ'],
    pattern: /(?<![\w-])sk-(?:ant-[\w-]{20,200}|proj-[\w-]{20,200}|\w{20}T3BlbkFJ\w{20})/g,
    isReal: (secret) => entropy(secret) > 3.5,
  },
];

/** Bits for each character, by the frequencies in the text itself. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/** Its first part says how it is signed; not the one that every tutorial shows. */
function isSignedToken(token: string): boolean {
  const [head = '', body = ''] = token.split('.');
  try {
    const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString());
    const isToken = typeof header === 'object' && header !== null && 'alg' in header;
    return isToken && !/"John Doe"|"1234567890"/.test(Buffer.from(body, 'base64url').toString());
  } catch {
    return false;
  }
}

/** What stands for a password, and is none. */
const PLACEHOLDER =
  /^(?:pass(?:w(?:or)?d|phrase)?|pwd|pw|secret|token|key|user(?:name)?|changeme|example|your.*|my.*pass.*|x+|\*+|\.+|-+|\d{1,5}|foo(?:bar)?|bar|test|pass\d{1,3})$/i;

function isPassword(secret: string): boolean {
  return (
    /^[\x21-\x7e]+$/.test(secret) &&
    !PLACEHOLDER.test(secret) &&
    !/[$#%]\{?|^:|\/\//.test(secret.slice(0, 2)) &&
    !/^\d{1,5}$/.test(secret)
  );
}

const DOCUMENTED =
  /EXAMPLE|(?:^|[^a-z])example(?:$|[^a-z])|(.)\1{7}|1234567890(?:abcdef)?$|abcdefghijklmnop|0123456789|XXXX|placeholder|your[_-]|changeme/i;

/** Documentation's own: `AKIAIOSFODNN7EXAMPLE`, rows of one letter, the alphabet. */
export const isExample = (secret: string): boolean => DOCUMENTED.test(secret);

export const isPlaceholder = (value: string): boolean => PLACEHOLDER.test(value);
