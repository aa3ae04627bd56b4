/**
 * Configuration that is kept elsewhere (law 8, law 10): this folder owns the sources that references name, and the sealed copies
 * of what releases are launched with. It gives values to nobody but launches, and knows nothing of fleets, journals or engines.
 */
import { isOfCaller, type LaunchValues, placeOf } from '../domain/reference.ts';
import type { Delivery, Pin, Reference } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import type { Home } from '../platform/home.ts';
import { about, Reader, sourceName, type Value } from './reader.ts';
import { SealedValues, type Missing } from './sealed.ts';
import { keySettings, openSealingKey, type SealingKey } from './sealing-key.ts';
import { readSources } from './settings.ts';
import type { Caller } from './sources/local.ts';
import { partsOf, requireDeliverable, textOf } from './value.ts';

/** A reference that is to be pinned. */
export type Wanted = Pick<Reference, 'from' | 'to'>;

/** References pinned to the versions that were found, and their values: in memory only, until `seal`. */
export interface Resolution {
  /** Throws a RangeError for what was not asked for. */
  readonly pinOf: (from: string) => Pin;
  readonly values: ReadonlyMap<string, { readonly pin: Pin; readonly bytes: Buffer }>;
}

/** What a reference of a release has at its source now. */
export interface ReferenceState {
  readonly reference: Reference;
  /** `unknown`: it can't be asked for now, and `why` says why not. */
  readonly state: 'same' | 'changed' | 'gone' | 'unknown';
  /** At the source; null where it is not known or has none. */
  readonly now: Pin | null;
  readonly why: string | null;
}

export interface ResolveOptions {
  readonly caller: Caller;
  /** Pins that the fleet has: one whose value is the same stays, whatever version the source has given it since. */
  readonly current: readonly Reference[];
  readonly signal: AbortSignal;
}

export class Configuration {
  readonly #home: Home;
  readonly #env: NodeJS.ProcessEnv;
  readonly #timeoutMs: number;
  readonly #sealed: SealedValues;

  /** `env`: what the daemon was started with, as far as sources and the key are in it. `timeoutMs`: for one question. */
  constructor(home: Home, env: NodeJS.ProcessEnv, timeoutMs = 5_000) {
    this.#home = home;
    this.#env = env;
    this.#timeoutMs = timeoutMs;
    this.#sealed = new SealedValues(home.sealed);
  }

  /**
   * The newest value of each. Keeps nothing. Throws what stands in the way of any: SOURCE_UNKNOWN, SOURCE_UNREACHABLE,
   * SOURCE_DENIED, VALUE_NOT_FOUND, VALUE_REFUSED, KEY_INVALID.
   */
  async resolve(wanted: readonly Wanted[], { caller, current, signal }: ResolveOptions): Promise<Resolution> {
    const values = new Map<string, { readonly pin: Pin; readonly bytes: Buffer }>();
    if (wanted.length > 0) {
      const key = await this.#key();
      const reader = await this.#reader(caller, signal);
      const known = new Map(current.map(({ from, pin }) => [from, pin]));
      await all(wanted, async ({ from, to }) => {
        const found = await reader.newest(from);
        if (found === null) throw notFound(from, to);
        check(from, found, to);
        const fingerprint = key.fingerprint(from, found.bytes);
        const kept = known.get(from);
        const pin = kept?.fingerprint === fingerprint ? kept : { version: found.version, fingerprint };
        values.set(from, { pin, bytes: found.bytes });
      });
    }
    return {
      values,
      pinOf(from) {
        const value = values.get(from);
        if (value === undefined) throw new RangeError(`${from} was not resolved`);
        return value.pin;
      },
    };
  }

  /** Keeps the values, encrypted; durable when it returns. To be called before a release with these pins is made. */
  async seal({ values }: Resolution): Promise<void> {
    if (values.size === 0) return;
    const key = await this.#key();
    for (const { pin, bytes } of values.values()) await this.#sealed.put(key, pin.fingerprint, bytes);
  }

  /**
   * What a release is launched with: from the sealed copies, so that no source is needed; where one is gone, from its source
   * if that still has the very version, never another. Throws VALUE_LOST, and what keeps a source from being asked.
   */
  async open(references: readonly Reference[], signal: AbortSignal): Promise<LaunchValues> {
    if (references.length === 0) return { env: {}, files: [] };
    const key = await this.#key();
    const env: Record<string, string> = {};
    const files: { path: string; content: Buffer; mode: number }[] = [];
    const reader = await this.#reader(null, signal);
    await all(references, async ({ from, to, pin }) => {
      const bytes = await this.#value(key, reader, from, pin);
      if (to.kind === 'env') env[to.name] = withoutLastEnd(textOf(bytes), from);
      else files.push({ path: to.path, content: bytes, mode: to.mode });
    });
    return { env, files };
  }

  /** Asks the sources. Never throws for one that can't be asked. */
  async look(references: readonly Reference[], signal: AbortSignal): Promise<readonly ReferenceState[]> {
    try {
      const key = await this.#key();
      const reader = await this.#reader(null, signal);
      return await Promise.all(references.map((reference) => stateOf(reference, key, reader)));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KilnError)) throw error;
      return references.map((reference) => unknown(reference, error.message));
    }
  }

  /** What would keep the next launch or deploy from its values, whatever the sources say: settings and key. */
  async check(): Promise<KilnError | null> {
    try {
      const { 'secrets-key': named } = await readSources(this.#home.root);
      if (await this.#sealed.isEmpty()) return null;
      await openSealingKey(await keySettings(named, this.#env, process.getuid?.() ?? 0), this.#home, false);
      return null;
    } catch (error) {
      if (error instanceof KilnError) return error;
      throw error;
    }
  }

  /** The names of sealed values other than these releases'. */
  async unused(references: readonly Reference[]): Promise<readonly string[]> {
    return this.#sealed.besides(new Set(references.map(({ pin }) => pin.fingerprint)));
  }

  /** For good. */
  async forget(names: readonly string[]): Promise<void> {
    await this.#sealed.remove(names);
  }

  async #value(key: SealingKey, reader: Reader, from: string, pin: Pin): Promise<Buffer> {
    const kept = await this.#sealed.get(key, pin.fingerprint);
    if (typeof kept !== 'string') return kept;
    if (isOfCaller(partsOf(from))) throw lost(from, pin, kept, 'only who deployed it has it');
    const found = await reader.at(from, pin.version).catch((error: unknown) => {
      if (!(error instanceof KilnError)) throw error;
      throw new KilnError(error.code, `${WORDS[kept]}, and ${error.message}`, { hint: error.hint });
    });
    if (found === null) throw lost(from, pin, kept, `${sourceName(from)} does not have that version any more`);
    if (key.fingerprint(from, found.bytes) !== pin.fingerprint) {
      throw lost(from, pin, kept, `${sourceName(from)} has another value now`);
    }
    await this.#sealed.put(key, pin.fingerprint, found.bytes);
    return found.bytes;
  }

  async #key(): Promise<SealingKey> {
    const { 'secrets-key': named } = await readSources(this.#home.root);
    const settings = await keySettings(named, this.#env, process.getuid?.() ?? 0);
    return openSealingKey(settings, this.#home, await this.#sealed.isEmpty());
  }

  async #reader(caller: Caller | null, signal: AbortSignal): Promise<Reader> {
    const setting = { file: await readSources(this.#home.root), env: this.#env, caller };
    return new Reader(setting, { signal, timeoutMs: this.#timeoutMs });
  }
}

async function stateOf(reference: Reference, key: SealingKey, reader: Reader): Promise<ReferenceState> {
  const { from, pin } = reference;
  if (isOfCaller(partsOf(from))) return unknown(reference, 'only who deploys has it: `kiln deploy --plan` compares it');
  try {
    const found = await reader.newest(from);
    if (found === null) return { reference, state: 'gone', now: null, why: null };
    const now = { version: found.version, fingerprint: key.fingerprint(from, found.bytes) };
    const isSame = now.fingerprint === pin.fingerprint;
    return { reference, state: isSame ? 'same' : 'changed', now, why: null };
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const why = error.message.replace(`${from}: `, '');
    return error.code === 'VALUE_NOT_FOUND' ? { reference, state: 'gone', now: null, why } : unknown(reference, why);
  }
}

const unknown = (reference: Reference, why: string): ReferenceState => ({ reference, state: 'unknown', now: null, why });

function check(from: string, { bytes }: Value, to: Delivery): void {
  try {
    requireDeliverable(bytes, to);
  } catch (error) {
    throw error instanceof KilnError ? about(from, error) : error;
  }
}

/** A file that is written by hand ends with the end of a line, which is not meant where it becomes a variable. */
const withoutLastEnd = (text: string, from: string): string =>
  partsOf(from).kind === 'file' ? text.replace(/\r?\n$/, '') : text;

const distinct = (texts: readonly string[]): string => [...new Set(texts)].join('; ');

/** All at once; what is wrong with several is told in one error. */
async function all<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failed = (await Promise.allSettled(items.map(work))).filter((each) => each.status === 'rejected');
  const reasons = failed.map(({ reason }: PromiseRejectedResult) => reason as unknown);
  const [first, ...others] = reasons;
  if (first === undefined) return;
  const errors = reasons.filter((reason) => reason instanceof KilnError);
  const [known] = errors;
  if (others.length === 0 || known === undefined || errors.length < reasons.length) throw first;
  throw new KilnError(known.code, distinct(errors.map(({ message }) => message)), {
    hint: distinct(errors.map(({ hint }) => hint)),
  });
}

function notFound(from: string, to: Delivery): KilnError {
  const { kind, path } = partsOf(from);
  if (kind === 'env') {
    return new KilnError(
      'VALUE_NOT_FOUND',
      `${from} (${placeOf(to)}): the variable ${path} is not set where the command was run`,
      {
        hint: `export ${path}, then run it again`,
      },
    );
  }
  return new KilnError('VALUE_NOT_FOUND', `${from} (${placeOf(to)}): ${kind} has nothing under that name`, {
    hint: 'mend the reference in kiln.yaml, or put the value there',
  });
}

const WORDS: Readonly<Record<Missing, string>> = {
  gone: 'its sealed copy is gone',
  damaged: 'its sealed copy is damaged',
  'of another key': 'its sealed copy was sealed with another key than the present one',
};

function lost(from: string, { version }: Pin, missing: Missing, why: string): KilnError {
  const what = version === null ? from : `${from} in version ${version}`;
  return new KilnError('VALUE_LOST', `${what} can't be had: ${WORDS[missing]}, and ${why}`, {
    hint: "today's value is not taken in its place; `kiln deploy` makes a release of that",
  });
}
