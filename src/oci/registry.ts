/**
 * A registry that speaks the OCI distribution specification 1.1 (and so Docker's registry API v2). Each method is one thing asked,
 * tried again where that may help. What comes back is not trusted: whoever asks for a digest gets those bytes or an error.
 */
import { Readable } from 'node:stream';

import { z } from 'zod';

import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { sha256 } from '../platform/hash.ts';
import { mismatch } from './blobs.ts';
import { type CredentialSource, dockerCredentials } from './docker-credentials.ts';
import { isLoopback } from './http-connection.ts';
import { NetworkFailure } from './http-watch.ts';
import { type Answer, DEFAULT_TRANSPORT, jsonOf, protocolError, type Request, retrying, send, type Transport } from './http.ts';
import { INDEX_TYPES, MANIFEST_TYPES } from './media-types.ts';
import type { Reference } from './references.ts';
import { RegistryAuth, TokenCache } from './registry-auth.ts';
import { invalid, MANIFEST_BYTES, mediaTypeOf } from './schema.ts';

export interface RegistryOptions {
  readonly signal?: AbortSignal;
  /** Default: what `docker login` left for this user. */
  readonly credentials?: CredentialSource;
  /** How this machine speaks to a registry. Default: with TLS, unless it is on the loopback, and without mirrors. */
  readonly settings?: (registry: string) => RegistrySettings;
  /** What was got for the credentials before. Default: nothing. */
  readonly tokens?: TokenCache;
  /** Default: no byte for 30 s is a failure; five in a row without progress are final; 500 ms before the second try. */
  readonly transport?: Partial<Omit<Transport, 'signal' | 'authorities'>>;
}

export interface RegistrySettings {
  /** `HOST[:PORT][/PREFIX]`: asked first when something is pulled, in order. */
  readonly mirrors: readonly string[];
  /** Spoken to without TLS. */
  readonly plainHttp: boolean;
  /** Certificates (PEM) of authorities that are trusted for it. */
  readonly authorities: string | null;
}

export const DEFAULT_SETTINGS: RegistrySettings = { mirrors: [], plainHttp: false, authorities: null };

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

const ERROR_BYTES = 64 << 10;
const ACCEPTED = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');

export interface Call extends Omit<Request, 'url' | 'authorization' | 'headers'> {
  /** Below `/v2/`, or a whole URL that the registry gave. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  /** Another than the registry's own: with another signal. */
  readonly transport?: Transport;
}

export class Registry {
  readonly name: string;
  readonly repository: string;
  readonly transport: Transport;
  /** It is a Kiln that makes deltas: known once it has answered with a manifest. */
  makesDeltas = false;
  readonly #base: URL;
  readonly #auth: RegistryAuth;

  constructor(reference: Pick<Reference, 'registry' | 'repository'>, options: RegistryOptions = {}) {
    this.name = reference.registry;
    this.repository = reference.repository;
    const settings = options.settings?.(reference.registry) ?? DEFAULT_SETTINGS;
    const signal = options.signal ?? new AbortController().signal;
    this.transport = { ...DEFAULT_TRANSPORT, ...options.transport, signal, authorities: settings.authorities };
    this.#base = baseOf(reference.registry, settings);
    const [credentials, tokens] = [options.credentials ?? dockerCredentials(), options.tokens ?? new TokenCache()];
    this.#auth = new RegistryAuth(reference.registry, credentials, this.transport, tokens);
  }

  get pullScope(): string {
    return `repository:${this.repository}:pull`;
  }

  get pushScope(): string {
    return `repository:${this.repository}:pull,push`;
  }

  /** Whether it is there and lets us in. Throws what it is not. */
  check(): Promise<void> {
    return this.#retrying(async () => {
      const answer = await this.call({ method: 'GET', path: this.#base, scopes: [] });
      if (answer.status !== 200) throw await this.refusal(answer, 'its own address');
      answer.cancel();
    });
  }

  /** By tag or digest. Throws IMAGE_NOT_FOUND, DIGEST_MISMATCH, IMAGE_INVALID. */
  manifest(reference: string, scopes: readonly string[] = [this.pullScope]): Promise<FetchedManifest> {
    return this.#retrying(async () => {
      const answer = await this.#getManifest('GET', reference, scopes);
      if (answer.status !== 200) throw await this.refusal(answer, `${this.repository}:${reference}`);
      this.makesDeltas = answer.headers.get('kiln-delta') === '2';
      const bytes = await answer.bytes(MANIFEST_BYTES);
      if (bytes === null) throw invalid(`manifest ${reference}`, `it is more than the ${MANIFEST_BYTES} bytes allowed`);
      const digest = sha256(bytes);
      const promised = isDigest(reference) ? reference : answer.headers.get('docker-content-digest');
      if (promised !== null && isDigest(promised) && promised !== digest) throw mismatch(promised, digest);
      return { bytes, digest, mediaType: mediaTypeOf(bytes, `manifest ${digest}`) };
    });
  }

  /** What a tag or digest names now; null where it names nothing. Who is about to push asks with the scopes for that. */
  find(reference: string, scopes: readonly string[] = [this.pullScope]): Promise<{ digest: Digest; mediaType: string } | null> {
    return this.#retrying(async () => {
      const answer = await this.#getManifest('HEAD', reference, scopes);
      answer.cancel();
      if (answer.status === 404) return null;
      const digest = answer.headers.get('docker-content-digest') ?? '';
      const mediaType = answer.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
      // Not every registry answers HEAD, or says the digest then.
      const isClear = answer.status === 200 && isDigest(digest) && [...MANIFEST_TYPES, ...INDEX_TYPES].includes(mediaType);
      if (!isClear) return this.manifest(reference, scopes);
      if (isDigest(reference) && reference !== digest) throw mismatch(reference, digest);
      return { digest, mediaType };
    });
  }

  /** Opens a blob at an offset, or at 0 where the registry knows no ranges. One try: who reads on knows what to ask for next. */
  async blob(digest: Digest, offset: number): Promise<{ content: Readable; offset: number }> {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const answer = await this.call({
      method: 'GET',
      path: `${this.repository}/blobs/${digest}`,
      headers,
      scopes: [this.pullScope],
    });
    if (answer.status === 416) {
      answer.cancel();
      return this.blob(digest, 0);
    }
    if (answer.status !== 200 && answer.status !== 206) throw await this.refusal(answer, `blob ${digest}`);
    const start = answer.status === 200 ? 0 : Number(/^bytes ([0-9]+)-/.exec(answer.headers.get('content-range') ?? '')?.[1]);
    if (start !== 0 && start !== offset) {
      answer.cancel();
      throw new NetworkFailure(`it was asked for byte ${offset} and answered with byte ${start}`);
    }
    return { content: Readable.from(answer.chunks(), { objectMode: false }), offset: start };
  }

  /** One request, with a new token where the old one is refused. Every other status is an answer. */
  async call(call: Call): Promise<Answer> {
    const { path, scopes, headers = {}, transport = this.transport, ...rest } = call;
    const url = path instanceof URL ? path : new URL(path, this.#base);
    const known = await this.#auth.headerFor(scopes);
    // An upload may be sent to another host; what the registry was told is not for that one.
    const isHome = url.origin === this.#base.origin;
    const answer = await send({ ...rest, headers, url, authorization: isHome ? known : null }, transport);
    if (answer.status !== 401 || answer.url.origin !== this.#base.origin) return answer;
    answer.cancel();
    const authorization = await this.#auth.renew(answer, scopes, known);
    return send({ ...rest, headers, url, authorization }, transport);
  }

  /** The error for an answer that is none of those expected. Reads what the registry says of it. */
  async refusal(answer: Answer, what: string): Promise<KilnError> {
    const said = reasonOf(await answer.bytes(ERROR_BYTES).catch(() => null));
    const message = `${this.name} answered ${answer.status} for ${what}${said === '' ? '' : `: ${said}`}`;
    if (answer.status === 404) {
      return new KilnError('IMAGE_NOT_FOUND', message, {
        hint: 'check the name and tag; private images also answer so without a login',
      });
    }
    if (answer.status === 401 || answer.status === 403) {
      return new KilnError('REGISTRY_DENIED', message, {
        hint: `log in with \`kiln login ${this.name} --user NAME\` as a user that may do this`,
      });
    }
    return protocolError(answer.url, `it answered ${answer.status} for ${what}${said === '' ? '' : `: ${said}`}`);
  }

  #getManifest(method: 'GET' | 'HEAD', reference: string, scopes: readonly string[]): Promise<Answer> {
    const path = `${this.repository}/manifests/${reference}`;
    return this.call({ method, path, headers: { accept: ACCEPTED }, scopes });
  }

  #retrying<T>(run: () => Promise<T>): Promise<T> {
    return retrying(this.name, this.transport, run);
  }
}

/** On the loopback nobody listens in; a registry there that has TLS nevertheless says so by an authority of its own. */
function baseOf(registry: string, { plainHttp, authorities }: RegistrySettings): URL {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const isPlain = plainHttp || (authorities === null && isLoopback(new URL(`http://${host}`)));
  return new URL(`${isPlain ? 'http' : 'https'}://${host}/v2/`);
}

const errorAnswer = z.object({ errors: z.array(z.object({ code: z.string(), message: z.string().default('') })).min(1) });

/** The first of the specification's errors, as one plain line: it is shown to people. */
function reasonOf(body: Buffer | null): string {
  const { data } = errorAnswer.safeParse(jsonOf(body));
  return `${data?.errors[0]?.code ?? ''} ${data?.errors[0]?.message ?? ''}`
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim()
    .slice(0, 200);
}
