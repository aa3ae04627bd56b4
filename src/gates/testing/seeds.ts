/**
 * Secrets of every kind, made anew at each call from a seed, so that no file of the project holds one. They open nothing.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { tarOf } from '../../oci/testing/trees.ts';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ALNUM = LOWER + LOWER.toUpperCase() + DIGITS;
const HEX = `${DIGITS}abcdef`;
const UPPER = LOWER.toUpperCase() + DIGITS;
const BASE32 = `${LOWER.toUpperCase()}234567`;
const BASE64 = `${ALNUM}+/`;
const URLSAFE = `${ALNUM}-_`;

export interface Seed {
  readonly kind: string;
  readonly secret: string;
  /** Where a file with it lies, and what the file says. */
  readonly path: string;
  readonly text: string;
  /** The file, where it is not just the text. */
  readonly packed?: Buffer;
}

export const contentOf = ({ text, packed }: Seed): string | Buffer => packed ?? text;

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
const packed = (seed: Seed, kind: string, path: string, pack: (text: string) => Buffer): Seed => ({
  ...seed,
  kind,
  path,
  packed: pack(seed.text),
});

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

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
  const token = plain('', `ghp_${draw(ALNUM, 36)}`);
  const dotenv = within('', 'app/.env', (word) => `SESSION_SECRET=${word}\n`, draw(HEX, 32));
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
    plain('databricks token', `dapi${draw(HEX, 32)}`),
    plain('hugging face token', `hf_${draw(ALNUM, 34)}`),
    plain('linear key', `lin_api_${draw(ALNUM, 40)}`),
    plain('shopify token', `shpat_${draw(HEX, 32)}`),
    plain('shopify app secret', `shpss_${draw(HEX, 32)}`),
    plain('1password token', `ops_eyJ${draw(ALNUM, 300)}`),
    plain('1password key', `A3-${[6, 6, 5, 5, 5, 5].map((length) => draw(UPPER, length)).join('-')}`),
    plain('openai key', `sk-proj-${draw(URLSAFE, 60)}T3BlbkFJ${draw(URLSAFE, 60)}7`),
    plain('openai old key', `sk-${draw(ALNUM, 20)}T3BlbkFJ${draw(ALNUM, 20)}`),
    plain('anthropic key', `sk-ant-api03-${draw(URLSAFE, 92)}9AA`),
    plain('groq key', `gsk_${draw(ALNUM, 52)}`),
    plain('notion token', `ntn_${draw(DIGITS, 11)}${draw(ALNUM, 35)}`),
    plain('figma token', `figd_${draw(URLSAFE, 39)}x`),
    plain('grafana token', `glsa_${draw(ALNUM, 32)}_${draw(HEX, 8)}`),
    plain('postman key', `PMAK-${draw(HEX, 24)}-${draw(HEX, 34)}`),
    plain('tailscale key', `tskey-auth-${draw(ALNUM, 17)}-${draw(ALNUM, 32)}`),
    plain('telegram token', `${draw('123456789', 10)}:AA${draw(ALNUM, 33)}`),
    plain('mailchimp key', `${draw(HEX, 32)}-us14`),
    plain('mailgun key', `key-${draw(HEX, 32)}`),
    plain('twilio key', `SK${draw(HEX, 32)}`),
    plain('square token', `sq0atp-${draw(URLSAFE, 21)}x`),
    plain('new relic key', `NRAK-${draw(UPPER, 27)}`),
    plain('discord webhook', `https://discord.com/api/webhooks/1${draw(DIGITS, 17)}/${draw(ALNUM, 68)}`),
    plain('atlassian token', `ATATT3xFfGF0${draw(URLSAFE, 172)}`),
    plain('rubygems key', `rubygems_${draw(HEX, 48)}`),
    plain('nuget key', `oy2${draw(LOWER + DIGITS, 43)}`),
    plain('terraform token', `${draw(ALNUM, 14)}.atlasv1.${draw(ALNUM, 67)}`),
    plain('bedrock key', `ABSKQmVkcm9ja${draw(ALNUM, 110)}=`),
    plain('pem in base64', Buffer.from(pem('RSA ')).toString('base64')),
    plain('openssh key in base64', Buffer.from(pem('OPENSSH ')).toString('base64')),
    within(
      'kubeconfig',
      'root/.kube/config',
      (key) => `apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-key-data: ${key}\n`,
      Buffer.from(pem('EC ')).toString('base64'),
    ),
    within('apt login', 'etc/apt/auth.conf.d/x.conf', (word) => `machine deb.internal login bot password ${word}\n`, password()),
    within('jdbc', 'app/Db.txt', (word) => `url: jdbc:mysql://db.internal:3306/web?user=web&password=${word}\n`, password()),
    within(
      'jdbc for sql server',
      'app/db.xml',
      (word) => `<url>jdbc:sqlserver://db;databaseName=web;user=sa;password=${word};</url>\n`,
      password(),
    ),
    within('jdbc for oracle', 'app/db.txt', (word) => `jdbc:oracle:thin:scott/${word}@db.internal:1521:x\n`, password()),
    within(
      '.net connection string',
      'app/appsettings.json',
      (word) => `{ "ConnectionStrings": { "Default": "Server=db.internal;Database=web;User Id=sa;Password=${word};" } }`,
      password(),
    ),
    within(
      'connection string in C#',
      'app/Program.cs',
      (word) => `var c = new SqlConnection("Data Source=db;Initial Catalog=web;User ID=sa;Pwd=${word}");\n`,
      password(),
    ),
    within('libpq', 'app/run.txt', (word) => `host=db.internal port=5432 dbname=web user=web password=${word}\n`, password()),
    ...(
      [
        ['js', 'app/db.js', (word) => `const dbPassword = '${word}';\n`],
        ['ts', 'app/db.ts', (word) => `  private readonly password: string = "${word}";\n`],
        ['python', 'app/settings.py', (word) => `DATABASES = {'default': {'USER': 'web', 'PASSWORD': '${word}'}}\n`],
        ['php', 'app/wp-config.php', (word) => `define( 'DB_PASSWORD', '${word}' );\n`],
        ['java', 'app/Db.java', (word) => `  private static final String DB_PASSWORD = "${word}";\n`],
        ['go', 'app/db.go', (word) => `\tpassword := "${word}"\n`],
        ['ruby', 'app/database.rb', (word) => `  :password => "${word}",\n`],
        ['shell', 'app/start.sh', (word) => `export PGPASSWORD="${word}"\n`],
        ['usr/src', 'usr/src/app/config.js', (word) => `module.exports = { password: '${word}' };\n`],
      ] satisfies readonly (readonly [string, string, (word: string) => string])[]
    ).map(([language, path, text]) => within(`password in ${language}`, path, text, password())),
    within('secret in js', 'app/auth.js', (word) => `app.use(session({ secret: '${word}' }));\n`, `${draw(ALNUM, 30)}4z`),
    packed(token, 'UTF-16', 'app/settings.ps1.txt', (text) => Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(text)])),
    packed(token, 'UTF-16, the other order', 'app/be.txt', (text) =>
      Buffer.concat([Buffer.from([0xfe, 0xff]), utf16(text).swap16()]),
    ),
    packed(token, 'UTF-16 without a mark', 'app/plain16.txt', utf16),
    packed(token, 'gzip', 'var/backups/dump.sql.gz', (text) => gzipSync(text)),
    packed(dotenv, 'settings in gzip', 'app/.env.gz', (text) => gzipSync(text)),
    packed(dotenv, 'settings in tar', 'srv/app.tar', (text) => tarOf({ path: 'app/.env', content: text })),
    packed(dotenv, 'settings in a tarball', 'srv/app.tgz', (text) => gzipSync(tarOf({ path: './app/.env', content: text }))),
  ];
}
