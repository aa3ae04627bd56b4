/** Programs for tests: the least of an ELF file that holds sections, or writable data without any, and says what a test wants. */

interface Contents {
  readonly sections?: Readonly<Record<string, Buffer>>;
  /** Mapped at `DATA_ADDRESS`. */
  readonly data?: Buffer;
}

export const DATA_ADDRESS = 0x400000;
const HEADER = 64;

/** 64 bits, little endian. */
export function elfFile({ sections = {}, data = Buffer.alloc(0) }: Contents): Buffer {
  const named = Object.entries(sections);
  const dataAt = HEADER + 56;
  let end = dataAt + data.length;
  const placed = named.map(([name, content]) => {
    const at = Math.ceil(end / 16) * 16;
    end = at + content.length;
    return { name, content, at };
  });
  const names = Buffer.from(`\0${[...named.map(([name]) => name), '.shstrtab'].join('\0')}\0`);
  const namesAt = end;
  const tableAt = namesAt + names.length;
  const all = [...placed, { name: '.shstrtab', content: names, at: namesAt }];
  const file = Buffer.alloc(tableAt + 64 * (all.length + 1));
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(BigInt(HEADER), 32); // Segments
  file.writeBigUInt64LE(BigInt(tableAt), 40); // Sections
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(all.length + 1, 60);
  file.writeUInt16LE(all.length, 62);
  writeSegment(file, dataAt, data.length);
  data.copy(file, dataAt);
  for (const [index, { name, content, at }] of all.entries()) {
    content.copy(file, at);
    const entry = tableAt + 64 * (index + 1);
    file.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, entry);
    file.writeUInt32LE(1, entry + 4);
    file.writeBigUInt64LE(BigInt(at), entry + 24);
    file.writeBigUInt64LE(BigInt(content.length), entry + 32);
  }
  return file;
}

function writeSegment(file: Buffer, offset: number, size: number): void {
  file.writeUInt32LE(1, HEADER); // PT_LOAD
  file.writeUInt32LE(6, HEADER + 4); // Readable and writable
  file.writeBigUInt64LE(BigInt(offset), HEADER + 8);
  file.writeBigUInt64LE(BigInt(DATA_ADDRESS), HEADER + 16);
  file.writeBigUInt64LE(BigInt(size), HEADER + 32);
}

const MAGIC = '\xff Go buildinf:';
const SENTINEL = 'sentinel16bytes!';

/** As Go's runtime keeps it: between two sentinels. */
export const goModules = (lines: readonly string[]): string => `${SENTINEL}${lines.join('\n')}\n${SENTINEL}`;

/** Go 1.18 and later: the strings themselves. `length`: what is said of the second, true or not. */
export function inlineBuildInfo(version: string, modules: string, length = modules.length): Buffer {
  const header = Buffer.alloc(32);
  header.write(MAGIC, 'latin1');
  header[14] = 8;
  header[15] = 2;
  return Buffer.concat([header, varint(version.length), Buffer.from(version), varint(length), Buffer.from(modules)]);
}

/** Before: addresses of strings, all in the data. `length` as above. */
export function pointedBuildInfo(version: string, modules: string, length = modules.length): Buffer {
  const data = Buffer.alloc(64);
  data.write(MAGIC, 'latin1');
  data[14] = 8;
  data.writeBigUInt64LE(BigInt(DATA_ADDRESS + 32), 16);
  data.writeBigUInt64LE(BigInt(DATA_ADDRESS + 48), 24);
  data.writeBigUInt64LE(BigInt(DATA_ADDRESS + 64), 32);
  data.writeBigUInt64LE(BigInt(version.length), 40);
  data.writeBigUInt64LE(BigInt(DATA_ADDRESS + 64 + version.length), 48);
  data.writeBigUInt64LE(BigInt(length), 56);
  return Buffer.concat([data, Buffer.from(version + modules)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
