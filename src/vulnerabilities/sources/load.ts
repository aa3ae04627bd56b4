/**
 * Reads the files of a vulnerability database and keeps what is about wanted packages. Runs in a thread of its own (worker.ts):
 * a database is hundreds of megabytes of JSON, and whoever waits for it has other work.
 */
import { createHash, type Hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { type UnzipFileFilter, type UnzipFileInfo, type Unzipped, unzipSync } from 'fflate';

import type { Digest } from '../../domain/digest.ts';
import type { Affected, Wanted } from '../advisory.ts';
import { isTracker, readTracker } from './debian-tracker.ts';
import type { SourceFile } from './files.ts';
import { readOsv, type SourceRecord } from './osv.ts';

export interface Loaded {
  readonly affected: readonly Affected[];
  /** Over the names and contents of all files. */
  readonly digest: Digest;
  /** When a record was last changed, ms since the epoch; where records say nothing of that, when their file was. Null: no records. */
  readonly newest: number | null;
  readonly records: number;
  /** Those that a record is about: of any other nothing is known. */
  readonly ecosystems: readonly string[];
  /** What was there in a form that no source has. */
  readonly unread: number;
  /** Whether any record names what was asked for. */
  readonly isNamed: boolean;
}

/** Of one document. The tracker's is the largest there is, near 100 MB. */
export const DOCUMENT_BYTES = 500 << 20;
/** Of one record in an archive, and of all of them. */
const ENTRY_BYTES = 32 << 20;
const ARCHIVE_BYTES = 16 * 2 ** 30;
/** An archive that makes more of itself is a trap: JSON shrinks to a tenth. */
const ARCHIVE_RATIO = 200;
/** Real databases have some hundred. */
const ECOSYSTEMS = 10_000;

/** `name`: of a vulnerability; null: none is asked for. Throws RangeError for an archive that unpacks to more than it should, SyntaxError for one that is none; both name the file. */
export async function load(files: readonly SourceFile[], wanted: Wanted, name: string | null = null): Promise<Loaded> {
  const hash = createHash('sha256');
  const gathering = new Gathering(wanted, name);
  for (const file of files) {
    hash.update(`${file.name}\n${file.size}\n`);
    if (file.path.endsWith('.zip')) await readArchive(file, hash, gathering);
    else gathering.document(await hashed(file, hash), file.mtimeMs);
  }
  return { ...gathering.loaded, digest: `sha256:${hash.digest('hex')}` as Digest };
}

async function hashed({ path, name, size }: SourceFile, hash: Hash): Promise<Buffer> {
  if (size > DOCUMENT_BYTES) throw new RangeError(`${name} is larger than the ${DOCUMENT_BYTES >> 20} MiB that are read`);
  const content = await readFile(path);
  hash.update(content);
  return content;
}

class Gathering {
  readonly #wanted: Wanted;
  readonly #affected: Affected[] = [];
  readonly #ecosystems = new Set<string>();
  #newest: number | null = null;
  #records = 0;
  #unread = 0;
  /** As JSON writes it: in every form of record names are texts of their own. */
  readonly #name: string | null;
  #isNamed = false;

  constructor(wanted: Wanted, name: string | null) {
    this.#wanted = wanted;
    this.#name = name === null ? null : JSON.stringify(name);
  }

  get loaded(): Omit<Loaded, 'digest'> {
    const ecosystems = [...this.#ecosystems].toSorted().slice(0, ECOSYSTEMS);
    return {
      affected: this.#affected,
      newest: this.#newest,
      records: this.#records,
      ecosystems,
      unread: this.#unread,
      isNamed: this.#isNamed,
    };
  }

  /** A record, a list of them, or the tracker's document. */
  document(content: Uint8Array, mtimeMs: number): void {
    if (this.#name !== null && Buffer.from(content.buffer, content.byteOffset, content.byteLength).includes(this.#name)) {
      this.#isNamed = true;
    }
    const document = parsed(content);
    if (isTracker(document)) {
      const { affected, records, ecosystems, unread } = readTracker(document, this.#wanted);
      this.#add({ affected, modified: null, ecosystems: [...ecosystems] }, records, mtimeMs);
      this.#unread += unread;
      return;
    }
    for (const each of Array.isArray(document) ? (document as readonly unknown[]) : [document]) {
      const record = readOsv(each, this.#wanted);
      if (record === null) this.#unread += 1;
      else this.#add(record, 1, mtimeMs);
    }
  }

  unreadable(): void {
    this.#unread += 1;
  }

  #add({ affected, modified, ecosystems }: SourceRecord, records: number, mtimeMs: number): void {
    const changed = modified ?? mtimeMs;
    for (const each of affected) this.#affected.push(each);
    for (const each of ecosystems) this.#ecosystems.add(each);
    this.#records += records;
    if (records > 0) this.#newest = Math.max(this.#newest ?? 0, changed);
  }
}

/** Null, which is no record, for what is no JSON. Members named `__proto__` are members like others: nothing is assigned. */
function parsed(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8'));
  } catch {
    return null;
  }
}

/** So many entries are unpacked at a time: never the whole archive. */
const BATCH = 1000;

async function readArchive(file: SourceFile, hash: Hash, gathering: Gathering): Promise<void> {
  const archive = await hashed(file, hash);
  const limit = Math.min(ARCHIVE_BYTES, Math.max(file.size * ARCHIVE_RATIO, ENTRY_BYTES));
  let [seen, unpacked] = [0, 0];
  // What an entry says of its size is believed no further than this: no more is ever written than it says.
  const isWanted = ({ name, originalSize }: UnzipFileInfo): boolean => {
    if (!name.endsWith('.json')) return false;
    unpacked += originalSize;
    if (unpacked > limit) throw new RangeError(`${file.name} unpacks to more than ${ARCHIVE_RATIO} times its size`);
    if (originalSize <= ENTRY_BYTES) return true;
    gathering.unreadable();
    return false;
  };
  for (let start = 0, total = Infinity; start < total; start += BATCH) {
    seen = 0;
    const entries = unzipped(archive, file, (entry) => {
      const index = seen++;
      return index >= start && index < start + BATCH && isWanted(entry);
    });
    total = seen;
    for (const content of Object.values(entries)) gathering.document(content, file.mtimeMs);
  }
}

function unzipped(archive: Buffer, { name }: SourceFile, filter: UnzipFileFilter): Unzipped {
  try {
    return unzipSync(archive, { filter });
  } catch (cause) {
    if (cause instanceof RangeError && cause.message.startsWith(name)) throw cause;
    throw new SyntaxError(`${name} is a damaged archive`, { cause });
  }
}
