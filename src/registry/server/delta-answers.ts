/** For other Kilns: what is new in a blob that is served, against contents that both have, or whose chunks are told. */
import type { IncomingMessage } from 'node:http';

import type { Digest } from '../../domain/digest.ts';
import { decodeChunks } from '../../oci/delta/chunks.ts';
import { type Content, layerContent } from '../../oci/delta/content.ts';
import type { ImageStore } from '../../oci/store.ts';
import type { Catalogue } from './catalogue.ts';
import { Deltas } from './deltas.ts';
import { StoredLayers } from './stored-layers.ts';

/** Ten bytes for some 12 KiB: lists for more than is looked through. */
const LIST_BYTES = 2 << 20;

export interface DeltaAnswer {
  readonly bytes: AsyncIterable<Buffer>;
  /** The names of the contents that it leads from, in order; empty where they are the asker's. */
  readonly from: readonly Digest[];
}

export class DeltaAnswers {
  readonly #store: ImageStore;
  readonly #catalogue: Catalogue;
  readonly #layers: StoredLayers;
  readonly #deltas = new Deltas();

  constructor(store: ImageStore, catalogue: Catalogue) {
    this.#store = store;
    this.#catalogue = catalogue;
    this.#layers = new StoredLayers(store);
  }

  /** `unknown`: the blob is not here, or none of the old contents. `busy`: too many are being made. */
  async fromNames(digest: Digest, names: readonly Digest[]): Promise<DeltaAnswer | 'unknown' | 'busy'> {
    const fresh = await this.#content(digest);
    const old = await Promise.all(names.map((name) => this.#content(name)));
    const contents = old.filter((content) => content !== null);
    if (fresh === null || contents.length === 0) return 'unknown';
    const bytes = await this.#deltas.read({ fresh, old: { contents } });
    return bytes === null ? 'busy' : { bytes, from: contents.map(({ name }) => name) };
  }

  /** `wrong`: the request holds no list of chunks. */
  async fromList(digest: Digest, request: IncomingMessage): Promise<DeltaAnswer | 'unknown' | 'busy' | 'wrong'> {
    const fresh = await this.#content(digest);
    if (fresh?.layer == null) return 'unknown';
    const list = await listIn(request);
    if (list === null) return 'wrong';
    const bytes = await this.#deltas.read({ fresh, old: { list } });
    return bytes === null ? 'busy' : { bytes, from: [] };
  }

  close(): Promise<void> {
    return this.#deltas.close();
  }

  /** By the name of the content or of its blob. */
  async #content(digest: Digest): Promise<Content | null> {
    const layer = await this.#layers.find(digest);
    if (layer !== null) return layerContent(this.#store, layer).catch(() => null);
    const path = await this.#catalogue.blob(digest);
    return path === null ? null : { name: digest, path, layer: null };
  }
}

async function listIn(request: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > LIST_BYTES) return null;
    parts.push(part as Buffer);
  }
  const list = Buffer.concat(parts);
  return decodeChunks(list) === null ? null : list;
}
