/**
 * The tar format as layers use it: POSIX ustar headers and PAX records (pax(5), POSIX.1-2024 "pax"), GNU long names when
 * reading. By hand, because libraries decode names and records as text: file names and attributes
 * (security.capability) are bytes. Here every such byte string is a JavaScript string of code units 0 to 255 (latin1).
 */
import { KilnError } from '../errors/error.ts';

export const BLOCK = 512;

export type TarKind = 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'folder' | 'fifo';

export interface TarHeader {
  /** Bytes as latin1, as written in the archive: not checked. */
  readonly path: string;
  readonly kind: TarKind;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** 0 for all but files. */
  readonly size: number;
  readonly mtimeSeconds: number;
  /** Of links: bytes as latin1. */
  readonly target: string;
  readonly device: { readonly major: number; readonly minor: number };
  /** Name → value, both bytes as latin1. */
  readonly xattrs: ReadonlyMap<string, string>;
}

export const XATTR_RECORD = 'SCHILY.xattr.';
const TYPES: Readonly<Record<TarKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  folder: '5',
  fifo: '6',
};
const KINDS = new Map(Object.entries(TYPES).map(([kind, type]) => [type, kind as TarKind]));

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
/** What a person sees of a path. */
export const shown = (path: string): string => JSON.stringify(bytesOf(path).toString('utf8'));

export function unsafe(message: string, hint?: string): KilnError {
  return new KilnError('LAYER_UNSAFE', message, {
    hint: hint ?? 'do not use this image, or have its publisher rebuild it; Kiln unpacks nothing of such a layer',
  });
}

/** The header, preceded by PAX records where ustar can't hold a value. Two calls with equal headers answer equal bytes. */
export function encodeHeader(header: TarHeader): Buffer {
  const records = paxRecords(header);
  const own = headerBlock(header, TYPES[header.kind]);
  if (records.length === 0) return own;
  const extra = {
    ...header,
    path: '././@PaxHeader',
    target: '',
    size: records.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
  };
  return Buffer.concat([headerBlock(extra, 'x'), records, Buffer.alloc(paddingOf(records.length)), own]);
}

/** Zeroes that follow a body of this size. */
export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function headerBlock(header: TarHeader, type: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(header.path.slice(0, 100), 0, 'latin1');
  writeOctal(block, 100, 8, header.mode);
  writeOctal(block, 108, 8, fitting(header.uid, 8));
  writeOctal(block, 116, 8, fitting(header.gid, 8));
  writeOctal(block, 124, 12, fitting(header.size, 12));
  writeOctal(block, 136, 12, header.mtimeSeconds);
  block.write(type, 156, 'latin1');
  block.write(header.target.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  writeOctal(block, 329, 8, header.device.major);
  writeOctal(block, 337, 8, header.device.minor);
  block.fill(' ', 148, 156);
  writeOctal(block, 148, 7, sumOf(block));
  return block;
}

const largest = (width: number): number => 8 ** (width - 1) - 1;
/** A number that a field can't hold is 0 there; its PAX record tells. */
const fitting = (value: number, width: number): number => (value > largest(width) ? 0 : value);

function writeOctal(block: Buffer, at: number, width: number, value: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
  block[at + width - 1] = 0;
}

function sumOf(block: Uint8Array): number {
  let sum = 0;
  for (const byte of block) sum += byte;
  return sum;
}

function paxRecords(header: TarHeader): Buffer {
  const records: [string, string][] = [...header.xattrs].map(([name, value]) => [XATTR_RECORD + name, value]);
  if (!fitsUstar(header.path)) records.push(['path', header.path]);
  if (!fitsUstar(header.target)) records.push(['linkpath', header.target]);
  if (header.uid > largest(8)) records.push(['uid', String(header.uid)]);
  if (header.gid > largest(8)) records.push(['gid', String(header.gid)]);
  if (header.size > largest(12)) records.push(['size', String(header.size)]);
  const sorted = records.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return bytesOf(sorted.map(([key, value]) => paxRecord(key, value)).join(''));
}

/** At most 100 bytes, and ASCII: what ustar says of other bytes differs between readers. */
const fitsUstar = (text: string): boolean => text.length <= 100 && !/[^\0-\x7f]/.test(text);

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits. */
function paxRecord(key: string, value: string): string {
  if (key.includes('=')) throw unsafe(`the attribute ${shown(key)} has a "=" in its name, which a layer cannot hold`);
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** What a header block says by itself, before PAX records and long names are applied. `type` is the raw type flag. */
export interface RawHeader extends Omit<TarHeader, 'kind' | 'xattrs'> {
  readonly type: string;
}

/** Null for a block of zeroes. Throws LAYER_UNSAFE where the checksum or a number is wrong. */
export function decodeHeader(block: Buffer): RawHeader | null {
  if (block.every((byte) => byte === 0)) return null;
  const blank = 8 * 0x20 - sumOf(block.subarray(148, 156));
  if (numberAt(block, 148, 8) !== sumOf(block) + blank)
    throw unsafe('the layer is not a tar archive, or is damaged: a header has a wrong checksum');
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? textAt(block, 345, 155) : '';
  const name = textAt(block, 0, 100);
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] ?? 0),
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
    mtimeSeconds: numberAt(block, 136, 12),
    target: textAt(block, 157, 100),
    device: { major: numberAt(block, 329, 8), minor: numberAt(block, 337, 8) },
  };
}

/** Null for a type flag that is no entry. NUL is how tars before POSIX wrote files; a file's trailing slash made it a folder. */
export function kindOf(type: string, path: string): TarKind | null {
  const kind = KINDS.get(type === '\0' || type === '7' ? '0' : type) ?? null;
  return kind === 'file' && path.endsWith('/') ? 'folder' : kind;
}

function textAt(block: Buffer, at: number, width: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end === -1 || end > at + width ? at + width : end);
}

/** Octal digits between blanks and NULs, or GNU's base 256 where the first bit is set. */
function numberAt(block: Buffer, at: number, width: number): number {
  const field = block.subarray(at, at + width);
  if (((field[0] ?? 0) & 0x80) !== 0) return base256(field);
  const text = field
    .toString('latin1')
    .replace(/^[ \0]+/, '')
    .replace(/[ \0].*$/s, '');
  if (!/^[0-7]*$/.test(text)) throw unsafe('the layer is damaged: a header holds a malformed number');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function base256(field: Buffer): number {
  const isNegative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = isNegative ? -1n : 0n;
  for (const [at, byte] of field.entries()) value = (value << 8n) | BigInt(at === 0 && !isNegative ? byte & 0x7f : byte);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw unsafe('the layer is damaged: a header holds a number out of all range');
  }
  return Number(value);
}

/** The records of a PAX header. Throws LAYER_UNSAFE where one is malformed: readers differ in what they make of those. */
export function decodePax(body: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const text = body.toString('latin1');
  for (let at = 0; at < text.length;) {
    const match = /^([1-9][0-9]{0,8}) /.exec(text.slice(at, at + 10));
    const length = Number(match?.[1]);
    const record = text.slice(at, at + length);
    const equals = record.indexOf('=');
    if (match === null || record.length !== length || !record.endsWith('\n') || equals < match[0].length) {
      throw unsafe('the layer is damaged: a PAX record is malformed');
    }
    records.set(record.slice(match[0].length, equals), record.slice(equals + 1, -1));
    at += length;
  }
  return records;
}
