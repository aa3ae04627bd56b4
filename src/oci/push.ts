/** From the store into a registry: the blobs that it lacks, then the manifest, byte for byte. Tags there are as immutable as here. */
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { type Answer, NetworkFailure, protocolError, retrying } from './http.ts';
import { inParallel } from './parallel.ts';
import { nameIn, type Progress, type TransferOptions } from './pull.ts';
import { formatReference, parseReference, type Reference } from './references.ts';
import { Registry } from './registry.ts';
import { mediaTypeOf, parseManifest } from './schema.ts';
import type { Descriptor, Image, ImageStore } from './store.ts';
import { checkTag } from './tags.ts';

export interface PushOptions extends TransferOptions {
  /** Blobs larger than this are sent in chunks of it. Default: each in one request, which every registry takes. */
  readonly chunkBytes?: number;
}

const AT_A_TIME = 4;
const BASE_NAME = 'org.opencontainers.image.base.name';

/**
 * Under the reference's tag, or by digest where it has none. The same again does nothing. Throws TAG_REFUSED for `latest`,
 * TAG_IMMUTABLE where the registry has another image under the tag.
 */
export async function pushImage(
  digest: Digest,
  reference: Reference | string,
  store: ImageStore,
  options: PushOptions = {},
): Promise<void> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const to = wanted.tag ?? digest;
  if (wanted.tag !== null) checkTag(formatReference({ ...wanted, digest: null }));
  if (wanted.tag === null && nameIn(wanted) !== digest) throw tagTaken(formatReference(wanted), digest);
  const image = await store.image(digest);
  const registry = new Registry(wanted, options);
  const there = await registry.find(to, [registry.pushScope]);
  if (there?.digest === digest) return;
  if (there !== null) throw tagTaken(formatReference(wanted), there.digest);
  await new Push(registry, store, options).run(image, to);
}

class Push {
  readonly #registry: Registry;
  readonly #store: ImageStore;
  readonly #chunkBytes: number;
  readonly #onProgress: (progress: Progress) => void;
  readonly #scopes: readonly string[];

  constructor(registry: Registry, store: ImageStore, options: PushOptions) {
    this.#registry = registry;
    this.#store = store;
    this.#chunkBytes = options.chunkBytes ?? Number.POSITIVE_INFINITY;
    this.#onProgress = options.onProgress ?? (() => {});
    this.#scopes = [registry.pushScope];
  }

  async run(image: Image, to: string): Promise<void> {
    const bytes = await readFile(await this.#store.blobPath(image.digest));
    const manifest = parseManifest(bytes, `manifest ${image.digest}`);
    const mountFrom = repositoryOfBase(image, this.#registry);
    const blobs = [...new Map([manifest.config, ...manifest.layers].map((part) => [part.digest, part])).values()];
    const totalBytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
    let doneBytes = 0;
    await inParallel(blobs, AT_A_TIME, async (blob) => {
      await this.#retrying(() => this.#putBlob(blob, mountFrom));
      doneBytes += blob.size;
      this.#onProgress({ doneBytes, totalBytes });
    });
    await this.#retrying(() => this.#putManifest(bytes, image.digest, to));
  }

  async #putBlob(blob: Descriptor, mountFrom: string | null): Promise<void> {
    const path = `${this.#registry.repository}/blobs/${blob.digest}`;
    const there = await this.#registry.call({ method: 'HEAD', path, scopes: this.#scopes });
    there.cancel();
    if (there.status === 200) return;
    const started = await this.#start(blob, mountFrom);
    if (started === null) return;
    const content = await openAsBlob(await this.#store.blobPath(blob.digest));
    const last =
      blob.size <= this.#chunkBytes
        ? { at: started, body: content }
        : { at: await this.#sendChunks(started, content), body: new Blob([]) };
    await this.#finish(last.at, last.body, blob);
  }

  /** Where to send the content; null where the registry took the blob over from another repository. */
  async #start(blob: Descriptor, mountFrom: string | null): Promise<URL | null> {
    const query = mountFrom === null ? '' : `?${new URLSearchParams({ mount: blob.digest, from: mountFrom }).toString()}`;
    const scopes = mountFrom === null ? this.#scopes : [...this.#scopes, `repository:${mountFrom}:pull`];
    const answer = await this.#registry.call({
      method: 'POST',
      path: `${this.#registry.repository}/blobs/uploads/${query}`,
      body: '',
      scopes,
    });
    if (answer.status === 201 && mountFrom !== null) {
      answer.cancel();
      return null;
    }
    // Who may not read the other repository may still be allowed to push.
    if (answer.status !== 202 && mountFrom !== null) {
      answer.cancel();
      return this.#start(blob, null);
    }
    return this.#next(answer, [202], blob);
  }

  async #sendChunks(started: URL, content: Blob): Promise<URL> {
    let at = started;
    for (let start = 0; start < content.size; start += this.#chunkBytes) {
      const chunk = content.slice(start, start + this.#chunkBytes);
      const headers = { 'content-type': 'application/octet-stream', 'content-range': `${start}-${start + chunk.size - 1}` };
      const answer = await this.#registry.call({ method: 'PATCH', path: at, headers, body: chunk, scopes: this.#scopes });
      at = await this.#next(answer, [202, 204], null);
    }
    return at;
  }

  async #finish(at: URL, body: Blob, blob: Descriptor): Promise<void> {
    const url = new URL(at);
    url.searchParams.set('digest', blob.digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await this.#registry.call({ method: 'PUT', path: url, headers, body, scopes: this.#scopes });
    if (answer.status !== 201 && answer.status !== 204) throw await this.#failed(answer, `the upload of ${blob.digest}`);
    answer.cancel();
  }

  async #putManifest(bytes: Buffer, digest: Digest, to: string): Promise<void> {
    const path = `${this.#registry.repository}/manifests/${to}`;
    const headers = { 'content-type': mediaTypeOf(bytes, digest) };
    const answer = await this.#registry.call({ method: 'PUT', path, headers, body: new Blob([bytes]), scopes: this.#scopes });
    if (answer.status !== 201) throw await this.#failed(answer, `the manifest of ${to}`);
    answer.cancel();
    const said = answer.headers.get('docker-content-digest');
    if (said !== null && isDigest(said) && said !== digest)
      throw protocolError(answer.url, `it stored the manifest as ${said}, not ${digest}`);
  }

  /** The address that an upload goes on at: each answer names the next. */
  async #next(answer: Answer, expected: readonly number[], blob: Descriptor | null): Promise<URL> {
    if (!expected.includes(answer.status)) throw await this.#failed(answer, `the upload of ${blob?.digest ?? 'a chunk'}`);
    answer.cancel();
    const location = answer.headers.get('location') ?? '';
    if (location === '' || !URL.canParse(location, answer.url.href))
      throw protocolError(answer.url, 'it names no address for an upload');
    return new URL(location, answer.url);
  }

  /** An upload that the registry has lost (404, 416) is begun again. */
  async #failed(answer: Answer, what: string): Promise<Error> {
    const refusal = await this.#registry.refusal(answer, what);
    return answer.status === 404 || answer.status === 416 ? new NetworkFailure(refusal.message) : refusal;
  }

  #retrying(run: () => Promise<void>): Promise<void> {
    return retrying(this.#registry.name, this.#registry.transport, run);
  }
}

/** An image's base is likely where its lower layers are already. Null where it comes from elsewhere. */
function repositoryOfBase(image: Image, registry: Registry): string | null {
  try {
    const base = parseReference(image.annotations[BASE_NAME] ?? '');
    return base.registry === registry.name && base.repository !== registry.repository ? base.repository : null;
  } catch {
    return null;
  }
}

function tagTaken(reference: string, other: Digest): KilnError {
  return new KilnError('TAG_IMMUTABLE', `${reference} names ${other} already`, {
    hint: 'push under a new version; what runs in production must not depend on when a tag was read',
  });
}
