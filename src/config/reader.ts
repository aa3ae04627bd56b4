/** The sources for one piece of work: each is set up once, and each name asked for once, so that members of one value agree. */
import { referenceParts, type ReferenceParts, type SourceKind } from '../domain/reference.ts';
import { KilnError } from '../errors/error.ts';
import type { Patience } from './ask.ts';
import { openSource, type Setting } from './sources.ts';
import type { Found, Source } from './sources/source.ts';
import { partsOf, valueIn } from './value.ts';

export interface Value {
  readonly bytes: Buffer;
  readonly version: string | null;
}

export class Reader {
  readonly #setting: Setting;
  readonly #patience: Patience;
  readonly #sources = new Map<SourceKind, Promise<Source>>();
  readonly #newest = new Map<string, Promise<Found | null>>();

  constructor(setting: Setting, patience: Patience) {
    this.#setting = setting;
    this.#patience = patience;
  }

  /** What is there now. Null: nothing has that name. Errors begin with the reference. */
  newest(from: string): Promise<Value | null> {
    return named(from, async (parts) => {
      const key = `${parts.kind}://${parts.path}`;
      const found = this.#newest.get(key) ?? this.#source(parts.kind).then((source) => source.newest(parts.path, this.#patience));
      this.#newest.set(key, found);
      return valueOf(await found, parts);
    });
  }

  /** As it was in that version. Null: the source does not have that any more. */
  at(from: string, version: string | null): Promise<Value | null> {
    return named(from, async (parts) =>
      valueOf(await (await this.#source(parts.kind)).at(parts.path, version, this.#patience), parts),
    );
  }

  #source(kind: SourceKind): Promise<Source> {
    const source = this.#sources.get(kind) ?? openSource(kind, this.#setting);
    this.#sources.set(kind, source);
    return source;
  }
}

const valueOf = (found: Found | null, parts: ReferenceParts): Value | null =>
  found === null ? null : { bytes: valueIn(found.bytes, parts), version: found.version };

async function named<T>(from: string, work: (parts: ReferenceParts) => Promise<T>): Promise<T> {
  try {
    return await work(partsOf(from));
  } catch (error) {
    throw error instanceof KilnError ? about(from, error) : error;
  }
}

/** The same error, saying which reference it is about. */
export const about = (from: string, { code, message, hint }: KilnError): KilnError =>
  new KilnError(code, `${from}: ${message}`, { hint });

/** For people: `etcd`. */
export const sourceName = (from: string): string => referenceParts(from)?.kind ?? 'the source';
