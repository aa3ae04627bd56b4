/**
 * One blob into a registry: taken over from another repository, sent in one request, or in chunks that can be gone on with
 * after the connection broke or the process ended. Registries differ in what they take; what one refuses is done the simple way.
 */
import { createReadStream } from 'node:fs';

import { KilnError } from '../errors/error.ts';
import { type Body, textBody } from './http-connection.ts';
import { NetworkFailure } from './http-watch.ts';
import { type Answer, protocolError, type Transport } from './http.ts';
import type { Registry } from './registry.ts';
import type { Descriptor } from './store.ts';

/** Where an upload that broke off goes on, for longer than a process. The key names registry, repository and blob. */
export interface UploadMemory {
  recall(key: string): Promise<string | null>;
  keep(key: string, location: string): Promise<void>;
  forget(key: string): Promise<void>;
}

export interface UploadOptions {
  readonly scopes: readonly string[];
  /** Larger blobs are sent in chunks of this many bytes. */
  readonly chunkBytes: number;
  readonly memory: UploadMemory;
  /** A repository of the same registry that may have the blob. */
  readonly mountFrom: string | null;
}

export type UploadOutcome = 'there' | 'mounted' | 'sent';

/** An interrupted push ends with the chunk that is under way, if that takes no longer: then the next one goes on from there. */
const LAST_CHUNK_MS = 5_000;
const OCTETS = { 'content-type': 'application/octet-stream' };

interface Started {
  readonly at: URL;
  readonly offset: number;
}

export class Upload {
  readonly #registry: Registry;
  readonly #blob: Descriptor;
  readonly #path: string;
  readonly #options: UploadOptions;
  readonly #report: (done: number, moved: number) => void;
  readonly #key: string;
  /** This registry takes no chunks. */
  #isWhole = false;

  constructor(
    registry: Registry,
    blob: Descriptor & { readonly path: string },
    options: UploadOptions,
    report: (done: number, moved: number) => void,
  ) {
    this.#registry = registry;
    this.#blob = blob;
    this.#path = blob.path;
    this.#options = options;
    this.#report = report;
    this.#key = `${registry.name}/${registry.repository} ${blob.digest}`;
  }

  /** One try; after a NetworkFailure the next goes on where this one stopped, if the registry lets it. */
  async run(): Promise<UploadOutcome> {
    const { digest, size } = this.#blob;
    const path = `${this.#registry.repository}/blobs/${digest}`;
    const there = await this.#registry.call({ method: 'HEAD', path, scopes: this.#options.scopes });
    there.cancel();
    if (there.status === 200) return 'there';
    const started = (await this.#resumed()) ?? (await this.#start(this.#options.mountFrom));
    if (started === null) return 'mounted';
    const isSmall = this.#isWhole || (started.offset === 0 && size <= this.#options.chunkBytes);
    if (isSmall) await this.#finish(started.at, this.#part(0, size));
    else {
      await this.#options.memory.keep(this.#key, started.at.href);
      const at = await this.#sendChunks(started);
      if (at === null) return this.run();
      await this.#finish(at, textBody(''));
    }
    await this.#options.memory.forget(this.#key);
    return 'sent';
  }

  /** Asks the registry how far an earlier upload got. Null where there is none, or it knows of none. */
  async #resumed(): Promise<Started | null> {
    const known = await this.#options.memory.recall(this.#key);
    if (known === null || !URL.canParse(known)) return null;
    await this.#options.memory.forget(this.#key);
    const answer = await this.#registry.call({ method: 'GET', path: new URL(known), scopes: this.#options.scopes });
    answer.cancel();
    if (answer.status !== 204 && answer.status !== 202) return null;
    const end = Number(/^(?:bytes=)?0-([0-9]{1,15})$/.exec(answer.headers.get('range') ?? '')?.[1] ?? Number.NaN);
    // "0-0" is said of one byte and of none: not worth telling apart.
    if (!(end > 0 && end < this.#blob.size)) return null;
    return { at: locationOf(answer) ?? new URL(known), offset: end + 1 };
  }

  /** Where to send the content; null where the registry took the blob over from another repository. */
  async #start(mountFrom: string | null): Promise<Started | null> {
    const query = mountFrom === null ? '' : `?${new URLSearchParams({ mount: this.#blob.digest, from: mountFrom }).toString()}`;
    const { scopes } = this.#options;
    const answer = await this.#registry.call({
      method: 'POST',
      path: `${this.#registry.repository}/blobs/uploads/${query}`,
      body: textBody(''),
      scopes: mountFrom === null ? scopes : [...scopes, `repository:${mountFrom}:pull`],
    });
    if (answer.status === 201 && mountFrom !== null) {
      answer.cancel();
      return null;
    }
    // Who may not read the other repository may still be allowed to push.
    if (answer.status !== 202 && mountFrom !== null) {
      answer.cancel();
      return this.#start(null);
    }
    return { at: await this.#next(answer, [202]), offset: 0 };
  }

  /** Null where the registry takes no chunks: the blob is to be sent whole. */
  async #sendChunks({ at: started, offset }: Started): Promise<URL | null> {
    const { size } = this.#blob;
    let at = started;
    for (let start = offset; start < size; start += this.#options.chunkBytes) {
      this.#registry.transport.signal.throwIfAborted();
      const end = Math.min(start + this.#options.chunkBytes, size);
      const answer = await this.#sendChunk(at, start, end);
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 401 && answer.status !== 403 && !this.#isWhole) {
        answer.cancel();
        this.#isWhole = true;
        return null;
      }
      at = await this.#next(answer, [202, 204]);
      await this.#options.memory.keep(this.#key, at.href);
    }
    return at;
  }

  #sendChunk(at: URL, start: number, end: number): Promise<Answer> {
    const headers = { ...OCTETS, 'content-range': `${start}-${end - 1}` };
    const { scopes } = this.#options;
    return this.#registry.call({
      method: 'PATCH',
      path: at,
      headers,
      body: this.#part(start, end),
      onSent: this.#counter(start),
      scopes,
      transport: lingering(this.#registry.transport),
    });
  }

  async #finish(at: URL, body: Body): Promise<void> {
    const url = new URL(at);
    url.searchParams.set('digest', this.#blob.digest);
    const onSent = this.#counter(this.#blob.size - body.size);
    const answer = await this.#registry.call({
      method: 'PUT',
      path: url,
      headers: OCTETS,
      body,
      onSent,
      scopes: this.#options.scopes,
    });
    if (answer.status !== 201 && answer.status !== 204) throw await this.#failed(answer);
    answer.cancel();
  }

  #part(start: number, end: number): Body {
    const open = (): ReturnType<typeof createReadStream> =>
      createReadStream(this.#path, { start, end: end - 1, highWaterMark: 256 << 10 });
    return { size: end - start, open };
  }

  #counter(start: number): (bytes: number) => void {
    let done = start;
    return (bytes) => this.#report((done += bytes), bytes);
  }

  /** The address that an upload goes on at: each answer names the next. */
  async #next(answer: Answer, expected: readonly number[]): Promise<URL> {
    if (!expected.includes(answer.status)) throw await this.#failed(answer);
    answer.cancel();
    const location = locationOf(answer);
    if (location === null) throw protocolError(answer.url, 'it names no address for an upload');
    return location;
  }

  /** An upload that the registry has lost (404, 416) is begun again. */
  async #failed(answer: Answer): Promise<Error> {
    const refusal: KilnError = await this.#registry.refusal(answer, `the upload of ${this.#blob.digest}`);
    return answer.status === 404 || answer.status === 416 ? new NetworkFailure(refusal.message) : refusal;
  }
}

function locationOf(answer: Answer): URL | null {
  const location = answer.headers.get('location') ?? '';
  const url = location !== '' && URL.canParse(location, answer.url.href) ? new URL(location, answer.url) : null;
  // As safe as the connection on which it was named.
  return url !== null && (url.protocol === 'https:' || url.protocol === answer.url.protocol) ? url : null;
}

/** The same, with a signal that fires a little later. */
function lingering(transport: Transport): Transport {
  const late = new AbortController();
  const giveUp = (): void => {
    setTimeout(() => late.abort(transport.signal.reason), LAST_CHUNK_MS).unref();
  };
  if (transport.signal.aborted) giveUp();
  else transport.signal.addEventListener('abort', giveUp, { once: true });
  return { ...transport, signal: late.signal };
}
