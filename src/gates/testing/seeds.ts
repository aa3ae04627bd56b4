/**
 * Secrets of every kind, made anew at each call from a seed, so that no file of the project holds one. They open nothing.
 */
import { createHash } from 'node:crypto';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ALNUM = LOWER + LOWER.toUpperCase() + DIGITS;
const HEX = `${DIGITS}abcdef`;
const BASE32 = `${LOWER.toUpperCase()}234567`;
const BASE64 = `${ALNUM}+/`;
const URLSAFE = `${ALNUM}-_`;

export interface Seed {
  readonly kind: string;
  readonly secret: string;
  /** Where a file with it lies, and what the file says. */
  readonly path: string;
  readonly text: string;
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const plain = (kind: string, secret: string, path = 'app/settings.txt'): Seed => ({
  kind,
  secret,
  path,
  text: `use ${secret} here\n`,
});
const within = (kind: string, path: string, text: (secret: string) => string, secret: string): Seed => ({
  kind,
  secret,
  path,
  text: text(secret),
});
/** One of each kind; another `seed` makes others. */
export function seeds(seed: string): readonly Seed[] {
  let drawn = 0;
  const draw = (letters: string, length: number): string => {
    let text = '';
    while (text.length < length) {
      const bytes = createHash('sha256').update(`${seed} ${drawn++}`).digest();
      for (const byte of bytes) if (byte < 256 - (256 % letters.length)) text += letters[byte % letters.length];
    }
    return text.slice(0, length);
  };
  const pem = (kind: string): string =>
    `-----BEGIN ${kind}PRIVATE KEY-----\n${draw(BASE64, 64)}\n${draw(BASE64, 64)}\n-----END ${kind}PRIVATE KEY-----\n`;
  const password = (): string => `${draw(ALNUM, 10)}7a`;
  return [
    plain('rsa key', pem('RSA ')),
    plain('pkcs8 key', pem('')),
    plain('openssh key', pem('OPENSSH '), 'root/.ssh/deploy'),
    plain('ec key', pem('EC ')),
    within('key in JSON', 'app/gcp.json', (key) => JSON.stringify({ type: 'service_account', private_key: key }), pem('')),
    plain('pgp key', pem('PGP ').replace('KEY-----', 'KEY BLOCK-----\nVersion: GnuPG v2\n')),
    plain('aws id', `AKIA${draw(BASE32, 16)}`),
    plain('aws temporary id', `ASIA${draw(BASE32, 16)}`),
    within(
      'aws secret',
      'root/.aws/credentials',
      (key) => `[default]\naws_secret_access_key = ${key}\n`,
      `a1B${draw(BASE64.slice(0, 62), 37)}`,
    ),
    within('gcp key id', 'app/key.json', (id) => `{"type": "service_account", "private_key_id": "${id}"}`, draw(HEX, 40)),
    plain('gcp api key', `AIza${draw(ALNUM, 35)}`),
    plain('google oauth', `GOCSPX-${draw(ALNUM, 28)}`),
    within(
      'azure storage',
      'app/az.conf',
      (key) => `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=${key};`,
      `${draw(BASE64, 86)}==`,
    ),
    plain('azure client secret', `${draw(ALNUM, 3)}8Q~${draw(ALNUM, 34)}`),
    within('azure sas', 'app/sas.txt', (sig) => `https://x.blob.core/c?sv=2022-11-02&sp=r&sig=${sig}`, `${draw(ALNUM, 43)}%3D`),
    plain('github token', `ghp_${draw(ALNUM, 36)}`),
    plain('github app token', `ghs_${draw(ALNUM, 36)}`),
    plain('github fine-grained', `github_pat_${draw(ALNUM, 22)}_${draw(ALNUM, 59)}`),
    plain('gitlab token', `glpat-${draw(ALNUM, 20)}`),
    plain('gitlab runner', `glrt-${draw(ALNUM, 20)}`),
    plain('slack bot', `xoxb-${draw(DIGITS, 12)}-${draw(DIGITS, 12)}-${draw(ALNUM, 24)}`),
    plain('slack webhook', `https://hooks.slack.com/services/T${draw(BASE32, 8)}/B${draw(BASE32, 8)}/${draw(ALNUM, 24)}`),
    plain('stripe live', `sk_live_${draw(ALNUM, 24)}`),
    plain('stripe restricted', `rk_live_${draw(ALNUM, 24)}`),
    plain('npm token', `npm_${draw(ALNUM, 36)}`),
    within(
      'npmrc login',
      'root/.npmrc',
      (token) => `//registry.example.org/:_authToken=${token}\n`,
      `${draw(HEX, 8)}-${draw(HEX, 4)}-${draw(HEX, 12)}`,
    ),
    plain('pypi token', `pypi-AgEIcHlwaS5vcmc${draw(URLSAFE, 70)}`),
    within(
      'docker login',
      'root/.docker/config.json',
      (auth) => `{"auths":{"r.example.org":{"auth":"${auth}"}}}`,
      Buffer.from(`bot:${password()}`).toString('base64'),
    ),
    within('netrc', 'root/.netrc', (word) => `machine r.example.org\n  login bot\n  password ${word}\n`, password()),
    within('pgpass', 'root/.pgpass', (word) => `db.internal:5432:web:bot:${word}\n`, password()),
    within('git credentials', 'root/.git-credentials', (word) => `https://bot:${word}@git.internal\n`, password()),
    within(
      'database URL',
      'app/config.js',
      (word) => `module.exports = { db: 'postgres://web:${word}@db.internal/web' };\n`,
      password(),
    ),
    within('shadow', 'etc/shadow', (hash) => `root:${hash}:19000:0:99999:7:::\n`, `$6$${draw(ALNUM, 8)}$${draw(ALNUM, 86)}`),
    plain(
      'jwt',
      `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ sub: draw(LOWER, 8), admin: true })}.${draw(URLSAFE, 43)}`,
    ),
    plain('vault token', `hvs.${draw(ALNUM, 30)}`),
    plain('sendgrid key', `SG.${draw(ALNUM, 22)}.${draw(ALNUM, 43)}`),
    plain('digitalocean token', `dop_v1_${draw(HEX, 64)}`),
    plain('age key', `AGE-SECRET-KEY-1${draw(BASE32, 58)}`),
    within('dotenv secret', 'app/.env', (word) => `SESSION_SECRET=${word}\n`, draw(HEX, 32)),
    within('yaml password', 'app/config/settings.yaml', (word) => `db:\n  password: "${word}"\n`, `${draw(ALNUM, 14)}3x`),
    within('properties api key', 'app/application.properties', (word) => `payment.api_key = ${word}\n`, `${draw(ALNUM, 20)}4Q`),
    within('json token', 'srv/app.json', (word) => `{ "auth_token": "${word}" }\n`, draw(HEX, 40)),
  ];
}
