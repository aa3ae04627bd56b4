/**
 * Reads a tar stream as it comes, in chunks of any size, and calls a sink for each entry and piece of content. What it does
 * not understand it refuses: a record skipped is a file that another reader would have seen differently.
 */
import {
  BLOCK,
  decodeHeader,
  decodePax,
  kindOf,
  paddingOf,
  type RawHeader,
  shown,
  type TarHeader,
  unsafe,
  XATTR_RECORD,
} from './tar-format.ts';

export interface TarSink {
  open(header: TarHeader): void;
  /** Only for files; the pieces add up to the header's size. */
  write(bytes: Buffer): void;
  close(): void;
}

type State = 'header' | 'meta' | 'body' | 'padding' | 'end';

/** PAX headers and long names are held in memory: no honest one is longer. */
const META_BYTES = 1 << 20;

export class TarReader {
  readonly #sink: TarSink;
  #state: State = 'header';
  /** Bytes of the header or meta body so far. */
  #held: Buffer[] = [];
  /** Of what the present state reads. */
  #left = BLOCK;
  #meta: RawHeader | null = null;
  #padding = 0;
  /** From PAX and GNU headers, for the next entry. */
  #next = new Map<string, string>();

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.#state !== 'end';) {
      const piece = chunk.subarray(at, at + this.#left);
      at += piece.length;
      this.#left -= piece.length;
      if (this.#state === 'body') this.#sink.write(piece);
      else if (this.#state !== 'padding') this.#held.push(piece);
      while (this.#left === 0) this.#step();
    }
  }

  /** Throws LAYER_UNSAFE where the archive ended before its end mark. */
  finish(): void {
    if (this.#state !== 'end') throw unsafe('the layer is cut short: its tar archive has no end');
  }

  /** The present state has read all its bytes. */
  #step(): void {
    if (this.#state === 'header') this.#header(this.#take());
    else if (this.#state === 'meta') this.#metaBody(this.#take());
    else if (this.#state === 'body') {
      this.#sink.close();
      this.#go('padding', this.#padding);
    } else this.#go('header', BLOCK);
  }

  #go(state: State, left: number): void {
    this.#state = state;
    this.#left = left;
  }

  #take(): Buffer {
    const bytes = this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held);
    this.#held = [];
    return bytes;
  }

  #header(block: Buffer): void {
    const raw = decodeHeader(block);
    if (raw === null) return this.#go('end', Number.POSITIVE_INFINITY);
    if ('xgLK'.includes(raw.type)) return this.#openMeta(raw);
    const header = this.#entry(raw);
    this.#next = new Map();
    this.#padding = paddingOf(header.size);
    this.#sink.open(header);
    this.#go('body', header.size);
  }

  #openMeta(raw: RawHeader): void {
    if (raw.size < 0 || raw.size > META_BYTES)
      throw unsafe(`a header of the layer claims ${raw.size} bytes of names and attributes`);
    this.#meta = raw;
    // The padding is read with the body and cut off.
    this.#go('meta', raw.size + paddingOf(raw.size));
  }

  #metaBody(padded: Buffer): void {
    const body = padded.subarray(0, this.#meta?.size);
    const type = this.#meta?.type;
    if (type === 'x') for (const [key, value] of decodePax(body)) this.#next.set(key, value);
    if (type === 'L') this.#next.set('path', untilNul(body));
    if (type === 'K') this.#next.set('linkpath', untilNul(body));
    // 'g', global records: git archive's comment; as with Docker and containerd, they change nothing.
    this.#go('header', BLOCK);
  }

  #entry(raw: RawHeader): TarHeader {
    const next = this.#next;
    const path = next.get('path') ?? raw.path;
    const kind = kindOf(raw.type, path);
    if (kind === null) throw unsafe(`entry ${shown(path)} is of the unknown type ${JSON.stringify(raw.type)}`);
    const target = next.get('linkpath') ?? raw.target;
    if ([...next.keys()].some((key) => key.startsWith('GNU.sparse'))) throw unsafe(`entry ${shown(path)} is a sparse file`);
    if (`${path}${target}`.includes('\0')) throw unsafe(`entry ${shown(path)} has a NUL in its name`);
    const { type: _, ...rest } = raw;
    const header: TarHeader = {
      ...rest,
      path,
      kind,
      target,
      uid: wholeNumber(next, 'uid', raw.uid, path),
      gid: wholeNumber(next, 'gid', raw.gid, path),
      // As Go's reader, and so Docker's: content belongs to files only, whatever the header says.
      size: kind === 'file' ? wholeNumber(next, 'size', raw.size, path) : 0,
      mtimeSeconds: Number(next.get('mtime') ?? raw.mtimeSeconds),
      xattrs: xattrsOf(next),
    };
    if (!Number.isFinite(header.mtimeSeconds)) throw unsafe(`entry ${shown(path)} has a malformed time`);
    return header;
  }
}

function wholeNumber(records: ReadonlyMap<string, string>, key: string, otherwise: number, path: string): number {
  const text = records.get(key);
  const value = text === undefined ? otherwise : /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < 0) throw unsafe(`entry ${shown(path)} has the ${key} ${text ?? otherwise}`);
  return value;
}

function xattrsOf(records: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const named = [...records].filter(([key]) => key.startsWith(XATTR_RECORD) && !key.includes('\0'));
  return new Map(named.map(([key, value]) => [key.slice(XATTR_RECORD.length), value]));
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end === -1 ? body.length : end);
}
