/**
 * How a registry is convinced: anonymously, by password, or by a bearer token that its token server gives for a password, a
 * refresh token or nothing (distribution's "Token Authentication Specification"). Credentials go to the registry and to the token
 * server that it names, and into no error.
 */
import { z } from 'zod';

import { KilnError } from '../errors/error.ts';
import type { Credentials, CredentialSource } from './docker-credentials.ts';
import { textBody } from './http-connection.ts';
import { type Answer, jsonOf, protocolError, send, type Transport } from './http.ts';

const TOKEN_ANSWER_BYTES = 1 << 20;
/** As long as the specification says where the token server does not. */
const TOKEN_SECONDS = 60;
const LONGEST_TOKEN_SECONDS = 24 * 3600;
const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().min(0).optional().catch(undefined),
});

interface Known {
  readonly header: Promise<string | null>;
  /** Ms since the epoch. */
  readonly until: number;
}

/** What worked before, by registry and scopes, till it expires. In memory only. */
export class TokenCache {
  readonly #known = new Map<string, Known>();

  get(registry: string, scopes: readonly string[], now: number): Promise<string | null> | null {
    const known = this.#known.get(keyOf(registry, scopes));
    return known !== undefined && known.until > now ? known.header : null;
  }

  set(registry: string, scopes: readonly string[], known: Known): void {
    this.#known.set(keyOf(registry, scopes), known);
  }

  /** After a login or logout: what was given to the user before is not the present one's. */
  forget(registry: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${registry} `)) this.#known.delete(key);
  }
}

const keyOf = (registry: string, scopes: readonly string[]): string => `${registry} ${scopes.join(' ')}`;

interface Obtained {
  readonly header: string;
  readonly seconds: number;
}

export class RegistryAuth {
  readonly #registry: string;
  readonly #source: CredentialSource;
  readonly #transport: Transport;
  readonly #known: TokenCache;

  constructor(registry: string, source: CredentialSource, transport: Transport, known: TokenCache) {
    this.#registry = registry;
    this.#source = source;
    this.#transport = transport;
    this.#known = known;
  }

  /** What worked before for the scopes; null to try without. */
  async headerFor(scopes: readonly string[]): Promise<string | null> {
    return this.#known.get(this.#registry, scopes, this.#transport.clock.now());
  }

  /** Answers a 401. `used` is the header that was refused. Throws REGISTRY_DENIED where there is nothing (else) to offer. */
  async renew(challenged: Answer, scopes: readonly string[], used: string | null): Promise<string> {
    const { clock } = this.#transport;
    // Several requests are refused at a time; the first asks, and all use the answer.
    const known = await this.#known.get(this.#registry, scopes, clock.now());
    if (known !== null && known !== used) return known;
    const asked = this.#obtain(challenged, scopes);
    const header = asked.then(
      (obtained) => obtained.header,
      () => null,
    );
    this.#known.set(this.#registry, scopes, { header, until: Number.POSITIVE_INFINITY });
    const obtained = await asked.catch((error: unknown) => {
      this.#known.forget(this.#registry);
      throw error;
    });
    // Not to its last moment: it has to last for the request that it goes with.
    this.#known.set(this.#registry, scopes, { header, until: clock.now() + obtained.seconds * 900 });
    if (obtained.header === used) throw this.#denied('it refused the credentials');
    return obtained.header;
  }

  async #obtain(challenged: Answer, scopes: readonly string[]): Promise<Obtained> {
    const challenges = parseChallenges(challenged.headers.get('www-authenticate') ?? '');
    const credentials = await this.#source(this.#registry);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) return this.#token(bearer.parameters, scopes, credentials, challenged.url);
    if (!challenges.some((challenge) => challenge.scheme === 'basic'))
      throw protocolError(challenged.url, 'it answers 401 without a known challenge');
    if (credentials?.kind !== 'password') throw this.#denied('it asks for a user and password, and none are known');
    return { header: basic(credentials), seconds: TOKEN_SECONDS };
  }

  async #token(
    challenge: ReadonlyMap<string, string>,
    scopes: readonly string[],
    credentials: Credentials | null,
    from: URL,
  ): Promise<Obtained> {
    const realm = realmOf(challenge, from);
    const query = new URLSearchParams(scopes.map((scope): [string, string] => ['scope', scope]));
    query.set('service', challenge.get('service') ?? '');
    const answer = await (credentials?.kind === 'token'
      ? this.#postRefresh(realm, query, credentials.token)
      : this.#getToken(realm, query, credentials));
    const bytes = await answer.bytes(TOKEN_ANSWER_BYTES);
    if (answer.status === 401 || answer.status === 403)
      throw this.#denied(`its token server ${realm.host} refused the credentials`);
    if (answer.status !== 200 || bytes === null) throw protocolError(realm, `its token server answered ${answer.status}`);
    const parsed = tokenAnswer.safeParse(jsonOf(bytes));
    const token = parsed.data?.token ?? parsed.data?.access_token ?? '';
    if (!/^[\x21-\x7e]+$/.test(token)) throw protocolError(realm, 'its token server answered without a token');
    const seconds = Math.min(parsed.data?.expires_in ?? TOKEN_SECONDS, LONGEST_TOKEN_SECONDS);
    return { header: `Bearer ${token}`, seconds };
  }

  #getToken(realm: URL, query: URLSearchParams, credentials: Password | null): Promise<Answer> {
    const url = new URL(realm);
    for (const [key, value] of query) url.searchParams.append(key, value);
    const authorization = credentials === null ? null : basic(credentials);
    return send({ method: 'GET', url, headers: {}, authorization }, this.#transport);
  }

  /** OAuth 2, RFC 6749 section 6; scopes of one request are separated by spaces there. */
  #postRefresh(realm: URL, query: URLSearchParams, token: string): Promise<Answer> {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'kiln' });
    form.set('service', query.get('service') ?? '');
    form.set('scope', query.getAll('scope').join(' '));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return send({ method: 'POST', url: realm, headers, authorization: null, body: textBody(form.toString()) }, this.#transport);
  }

  #denied(why: string): KilnError {
    return new KilnError('REGISTRY_DENIED', `the registry ${this.#registry} lets nobody in: ${why}`, {
      hint: `log in with \`kiln login ${this.#registry} --user NAME\`, as a user that may do this`,
    });
  }
}

/** As safe a connection as the registry's own, or none. */
function realmOf(challenge: ReadonlyMap<string, string>, from: URL): URL {
  const text = challenge.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : null;
  if (realm !== null && (realm.protocol === 'https:' || realm.protocol === from.protocol)) return realm;
  throw protocolError(from, 'it names a token server whose address is malformed or not encrypted');
}

type Password = Extract<Credentials, { kind: 'password' }>;

const basic = ({ username, password }: Password): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** RFC 9110, 11.6.1, for what registries send: `Bearer realm="…",service="…"` and `Basic realm="…"`, one or several. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const match of header.matchAll(
    /([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))|([A-Za-z][A-Za-z0-9_-]*)(?=\s|$)/g,
  )) {
    const [, name, quoted, plain, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined)
      challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return challenges;
}
