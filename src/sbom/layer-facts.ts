/** What one layer says of packages, by itself: the same for every image that has it, so it is kept by its diff id. */
import { listedPaths, listOwner, merged } from '../gates/package-lists.ts';
import { type LayerVisitor, scanLayer } from '../oci/layer-scan.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import type { TarHeader } from '../oci/tar-format.ts';
import { distributionOf, OS_RELEASE_PATHS } from './os-release.ts';
import type { Distribution, PackageFacts, Unread } from './package.ts';
import { apk } from './readers/apk.ts';
import { binary } from './readers/binary.ts';
import { dpkg } from './readers/dpkg.ts';
import { npm } from './readers/npm.ts';
import { pip } from './readers/pip.ts';
import type { Reader, Reading } from './readers/reader.ts';

/** Moved with every change of what a reader answers: what was kept before is then read anew. */
export const READERS_VERSION = 1;

/** A file of which a reader knows; it may hold no package (any more). */
export interface FileFacts {
  readonly path: string;
  readonly packages: readonly PackageFacts[];
  /** The distribution's package whose file this is. */
  readonly owner: string | null;
}

/** Paths are those of the layer: relative, bytes as latin1. */
export interface LayerFacts {
  readonly files: readonly FileFacts[];
  readonly distributions: readonly { readonly path: string; readonly distribution: Distribution }[];
  /** What hides files of the layers below: whiteouts, and everything that is no folder. */
  readonly whiteouts: readonly string[];
  readonly opaque: readonly string[];
  readonly unread: readonly Unread[];
}

const READERS: readonly Reader[] = [dpkg, apk, npm, pip, binary];
const LIST_BYTES = 16 << 20;
const OS_RELEASE_BYTES = 64 << 10;
/** Across a layer: a stranger's layer may hold a million manifests. */
const PACKAGES = 200_000;

/** Throws as `scanLayer`. */
export async function layerFacts(store: Pick<ImageStore, 'openLayer'>, layer: Layer, signal: AbortSignal): Promise<LayerFacts> {
  const gathering = factsReader();
  await scanLayer(store, layer, {
    ...gathering,
    entry(header) {
      signal.throwIfAborted();
      return gathering.entry(header);
    },
  });
  return gathering.facts();
}

export interface FactsReader extends LayerVisitor {
  /** Once the layer has been read to its end. */
  facts(): LayerFacts;
}

export function factsReader(): FactsReader {
  const gathering = new Gathering();
  return {
    entry: (header) => gathering.entry(header),
    hidden: ({ kind, path }) => gathering.hide(kind, path),
    facts: () => gathering.finish(),
  };
}

interface Sink {
  write(bytes: Buffer): void;
  end(): void;
}

class Gathering {
  readonly #readings = new Map<string, Reading>();
  readonly #distributions = new Map<string, Distribution>();
  readonly #lists = new Map<string, Buffer>();
  readonly #unread = new Map<string, string>();
  readonly #whiteouts = new Set<string>();
  readonly #opaque: string[] = [];
  #packages = 0;

  hide(kind: 'whiteout' | 'opaque', path: string): void {
    if (kind === 'whiteout') this.#whiteouts.add(path);
    else this.#opaque.push(path);
  }

  entry({ path, kind, size, mode }: TarHeader): Sink | null {
    if (kind !== 'folder') this.#whiteouts.add(path);
    // A later entry of the same path replaces the earlier one.
    for (const known of [this.#readings, this.#distributions, this.#lists, this.#unread]) known.delete(path);
    if (kind !== 'file') return null;
    if ((OS_RELEASE_PATHS as readonly string[]).includes(path)) {
      return size > OS_RELEASE_BYTES ? null : whole(size, (content) => this.#release(path, content));
    }
    if (listOwner(path) !== null) {
      return size > LIST_BYTES ? null : whole(size, (content) => void this.#lists.set(path, content));
    }
    const reader = READERS.find((each) => each.wants(path, mode));
    return reader === undefined ? null : this.#reading(reader, path, size);
  }

  #release(path: string, content: Buffer): void {
    const distribution = distributionOf(content);
    if (distribution !== null) this.#distributions.set(path, distribution);
  }

  #reading(reader: Reader, path: string, size: number): Sink | null {
    const { magic, maxBytes } = reader;
    const done = (content: Buffer): void => this.#read(reader, path, content);
    const tooLarge = (): void => void this.#unread.set(path, `it is larger than the ${maxBytes >> 20} MiB that are read`);
    if (magic !== undefined) return matching(magic, size, size > maxBytes ? tooLarge : done, size > maxBytes);
    if (size <= maxBytes) return whole(size, done);
    tooLarge();
    return null;
  }

  #read(reader: Reader, path: string, content: Buffer): void {
    try {
      const reading = reader.read(content, path);
      this.#packages += reading.packages.length;
      if (this.#packages > PACKAGES) throw new SyntaxError(`the layer names more than ${PACKAGES} packages`);
      if (reading.malformed > 0) this.#unread.set(path, `${reading.malformed} of its entries have no valid name and version`);
      // Of programs only those that tell; of the rest all, since they replace what a lower layer says.
      if (reader !== binary || reading.packages.length > 0) this.#readings.set(path, reading);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#unread.set(path, reader === npm ? 'it is not valid JSON' : error.message);
    }
  }

  finish(): LayerFacts {
    const owners = this.#owners();
    return {
      files: [...this.#readings]
        .map(([path, { packages }]) => ({ path, packages, owner: owners.get(path) ?? null }))
        .toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      distributions: [...this.#distributions].map(([path, distribution]) => ({ path, distribution })),
      whiteouts: [...this.#whiteouts],
      opaque: this.#opaque,
      unread: [...this.#unread].map(([path, why]) => ({ path, why })),
    };
  }

  /** A package manager's files come with its list of them, in one layer. */
  #owners(): ReadonlyMap<string, string> {
    const told = new Map([...this.#readings.keys()].map((path) => [merged(path), path]));
    const owners = new Map<string, string>();
    const tell = (listed: string, owner: string): void => {
      const path = told.get(merged(listed));
      if (path !== undefined) owners.set(path, owner);
    };
    for (const [list, content] of this.#lists) for (const path of listedPaths(content)) tell(path, listOwner(list) ?? '');
    for (const { owned } of this.#readings.values()) for (const [path, owner] of owned ?? []) tell(path, owner);
    return owners;
  }
}

/** The content in one piece. */
function whole(size: number, done: (content: Buffer) => void): Sink {
  const content = Buffer.allocUnsafe(size);
  let at = 0;
  return {
    write: (bytes) => void (at += bytes.copy(content, at)),
    end: () => done(content.subarray(0, at)),
  };
}

/** The content, where it begins with these bytes; `onlyFirst`: `done` gets the first bytes alone. Others cost nothing. */
function matching(magic: Buffer, size: number, done: (content: Buffer) => void, onlyFirst: boolean): Sink {
  let first = Buffer.alloc(0);
  let rest: Sink | null | undefined;
  return {
    write(bytes) {
      if (rest !== undefined) return rest?.write(bytes);
      first = Buffer.concat([first, bytes]);
      if (first.length < magic.length) return;
      if (!first.subarray(0, magic.length).equals(magic)) rest = null;
      else rest = whole(onlyFirst ? magic.length : size, done);
      rest?.write(first);
      first = Buffer.alloc(0);
    },
    end: () => rest?.end(),
  };
}
