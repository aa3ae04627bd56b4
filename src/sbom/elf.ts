/** The little of ELF (elf(5)) that finding a section and following an address need. Every offset is the file's word, and checked. */

export const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');

interface Extent {
  readonly offset: number;
  readonly size: number;
  /** Where it lies in memory. */
  readonly address: number;
}

export interface Elf {
  readonly is64: boolean;
  readonly isBigEndian: boolean;
  /** The content of the first section of that name; null where there is none, or it lies outside the file. */
  section(name: string): Buffer | null;
  /** Segments with data that the program may write, in file order. */
  readonly writable: readonly Buffer[];
  /** `size` bytes at an address in memory; null where the file has none there. */
  at(address: number, size: number): Buffer | null;
}

const SECTIONS = 10_000;
const SEGMENTS = 1000;
const PT_LOAD = 1;
const PF_W = 2;
const SHT_NOBITS = 8;

/** Null for what is no ELF file, or so damaged that its tables can't be read. */
export function elfOf(bytes: Buffer): Elf | null {
  if (bytes.length < 64 || !bytes.subarray(0, 4).equals(ELF_MAGIC)) return null;
  const words = new Words(bytes, bytes[4] === 2, bytes[5] === 2);
  const segments = segmentsOf(words).filter(({ type }) => type === PT_LOAD);
  const slice = ({ offset, size }: Extent): Buffer | null =>
    offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : null;
  return {
    is64: words.is64,
    isBigEndian: words.isBigEndian,
    section: (name) => {
      const found = sectionsOf(words).find((section) => section.name === name && section.type !== SHT_NOBITS);
      return found === undefined ? null : slice(found);
    },
    writable: segments.filter(({ flags }) => (flags & PF_W) !== 0).flatMap((segment) => slice(segment) ?? []),
    at(address, size) {
      const held = segments.find((each) => address >= each.address && address + size <= each.address + each.size);
      return held === undefined ? null : slice({ offset: held.offset + address - held.address, size, address });
    },
  };
}

/** Numbers of a file; what lies beyond its end, or can't be exact, reads as 0: an empty table. */
class Words {
  readonly bytes: Buffer;
  readonly is64: boolean;
  readonly isBigEndian: boolean;

  constructor(bytes: Buffer, is64: boolean, isBigEndian: boolean) {
    this.bytes = bytes;
    this.is64 = is64;
    this.isBigEndian = isBigEndian;
  }

  u16(at: number): number {
    if (at + 2 > this.bytes.length) return 0;
    return this.isBigEndian ? this.bytes.readUInt16BE(at) : this.bytes.readUInt16LE(at);
  }

  u32(at: number): number {
    if (at + 4 > this.bytes.length) return 0;
    return this.isBigEndian ? this.bytes.readUInt32BE(at) : this.bytes.readUInt32LE(at);
  }

  /** A number as wide as an address. */
  word(at: number): number {
    if (!this.is64) return this.u32(at);
    if (at + 8 > this.bytes.length) return 0;
    const value = this.isBigEndian ? this.bytes.readBigUInt64BE(at) : this.bytes.readBigUInt64LE(at);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? 0 : Number(value);
  }
}

function segmentsOf(words: Words): readonly (Extent & { readonly type: number; readonly flags: number })[] {
  const { is64 } = words;
  const [table, entry, count] = [words.word(is64 ? 32 : 28), words.u16(is64 ? 54 : 42), words.u16(is64 ? 56 : 44)];
  if (entry < (is64 ? 56 : 32)) return [];
  return Array.from({ length: Math.min(count, SEGMENTS) }, (_, index) => {
    const at = table + index * entry;
    return {
      type: words.u32(at),
      flags: words.u32(at + (is64 ? 4 : 24)),
      offset: words.word(at + (is64 ? 8 : 4)),
      address: words.word(at + (is64 ? 16 : 8)),
      size: words.word(at + (is64 ? 32 : 16)),
    };
  });
}

function sectionsOf(words: Words): readonly (Extent & { readonly name: string; readonly type: number })[] {
  const { is64, bytes } = words;
  const [table, entry, count] = [words.word(is64 ? 40 : 32), words.u16(is64 ? 58 : 46), words.u16(is64 ? 60 : 48)];
  if (entry < (is64 ? 64 : 40)) return [];
  const at = (index: number): number => table + index * entry;
  const extent = (start: number): Extent => ({
    offset: words.word(start + (is64 ? 24 : 16)),
    address: words.word(start + (is64 ? 16 : 12)),
    size: words.word(start + (is64 ? 32 : 20)),
  });
  const names = extent(at(words.u16(is64 ? 62 : 50))).offset;
  return Array.from({ length: Math.min(count, SECTIONS) }, (_, index) => {
    const start = at(index);
    const nameAt = names + words.u32(start);
    const name = bytes.subarray(nameAt, nameAt + 64);
    const end = name.indexOf(0);
    return { name: name.toString('latin1', 0, end === -1 ? 64 : end), type: words.u32(start + 4), ...extent(start) };
  });
}
