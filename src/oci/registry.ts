/**
 * A registry that speaks the OCI distribution specification 1.1 (and so Docker's registry API v2). Each method is one thing asked,
 * tried again where that may help. What comes back is not trusted: whoever asks for a digest gets those bytes or an error.
 */
import { Readable } from 'node:stream';

import { z } from 'zod';

import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import { sha256 } from '../platform/hash.ts';
import { mismatch } from './blobs.ts';
import { type CredentialSource, dockerCredentials } from './docker-credentials.ts';
import { type Answer, jsonOf, NetworkFailure, protocolError, type Request, retrying, send, type Transport } from './http.ts';
import { INDEX_TYPES, MANIFEST_TYPES } from './media-types.ts';
import type { Reference } from './references.ts';
import { RegistryAuth } from './registry-auth.ts';
import { invalid, MANIFEST_BYTES, mediaTypeOf } from './schema.ts';

export interface RegistryOptions {
  readonly signal?: AbortSignal;
  /** Default: what `docker login` left for this user. */
  readonly credentials?: CredentialSource;
  /** Registries (host and port) that are spoken to without TLS. Those on this machine's loopback are, named or not. */
  readonly plainHttp?: readonly string[];
  /** Default: no byte for 30 s is a failure; five in a row without progress are final; 500 ms before the second try. */
  readonly transport?: Partial<Omit<Transport, 'signal'>>;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

const ERROR_BYTES = 64 << 10;
const ACCEPTED = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');
const DEFAULTS = { stallMs: 30_000, attempts: 5, pauseMs: 500, clock: systemClock };

export interface Call extends Omit<Request, 'url' | 'authorization' | 'headers'> {
  /** Below `/v2/`, or a whole URL that the registry gave. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
}

export class Registry {
  readonly name: string;
  readonly repository: string;
  readonly transport: Transport;
  readonly #base: URL;
  readonly #auth: RegistryAuth;

  constructor(reference: Pick<Reference, 'registry' | 'repository'>, options: RegistryOptions = {}) {
    this.name = reference.registry;
    this.repository = reference.repository;
    this.transport = { ...DEFAULTS, ...options.transport, signal: options.signal ?? new AbortController().signal };
    this.#base = baseOf(reference.registry, options.plainHttp ?? []);
    this.#auth = new RegistryAuth(reference.registry, options.credentials ?? dockerCredentials(), this.transport);
  }

  get pullScope(): string {
    return `repository:${this.repository}:pull`;
  }

  get pushScope(): string {
    return `repository:${this.repository}:pull,push`;
  }

  /** By tag or digest. Throws IMAGE_NOT_FOUND, DIGEST_MISMATCH, IMAGE_INVALID. */
  manifest(reference: string, scopes = [this.pullScope]): Promise<FetchedManifest> {
    return this.#retrying(async () => {
      const answer = await this.#getManifest('GET', reference, scopes);
      if (answer.status !== 200) throw await this.refusal(answer, `${this.repository}:${reference}`);
      const bytes = await answer.bytes(MANIFEST_BYTES);
      if (bytes === null) throw invalid(`manifest ${reference}`, `it is more than the ${MANIFEST_BYTES} bytes allowed`);
      const digest = sha256(bytes);
      const promised = isDigest(reference) ? reference : answer.headers.get('docker-content-digest');
      if (promised !== null && isDigest(promised) && promised !== digest) throw mismatch(promised, digest);
      return { bytes, digest, mediaType: mediaTypeOf(bytes, `manifest ${digest}`) };
    });
  }

  /** What a tag or digest names now; null where it names nothing. Who is about to push asks with the scopes for that. */
  find(reference: string, scopes = [this.pullScope]): Promise<{ digest: Digest; mediaType: string } | null> {
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
    const url = call.path instanceof URL ? call.path : new URL(call.path, this.#base);
    const known = await this.#auth.headerFor(call.scopes);
    const request = { method: call.method, headers: call.headers ?? {}, ...(call.body === undefined ? {} : { body: call.body }) };
    // An upload may be sent to another host; what the registry was told is not for that one.
    const isHome = url.origin === this.#base.origin;
    const answer = await send({ ...request, url, authorization: isHome ? known : null }, this.transport);
    if (answer.status !== 401 || answer.url.origin !== this.#base.origin) return answer;
    answer.cancel();
    const authorization = await this.#auth.renew(answer, call.scopes, known);
    return send({ ...request, url, authorization }, this.transport);
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
        hint: `log in with \`docker login ${this.name}\` as a user that may do this`,
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

function baseOf(registry: string, plainHttp: readonly string[]): URL {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const { hostname } = new URL(`http://${host}`);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.[0-9]+){3}$/.test(hostname);
  return new URL(`${isLoopback || plainHttp.includes(registry) ? 'http' : 'https'}://${host}/v2/`);
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
