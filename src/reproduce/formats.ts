/** Formats that carry a time or an id of the moment in a known place. Only the place is looked at; nothing is unpacked. */
import { differingBytes } from './clues.ts';

const startsWith = (bytes: Buffer, ...magic: readonly number[]): boolean => magic.every((byte, at) => bytes[at] === byte);
const both = (a: Buffer, b: Buffer, is: (bytes: Buffer) => boolean): boolean => is(a) && is(b);

/** All differing bytes of two contents of one length are in the places. */
const onlyIn = (a: Buffer, b: Buffer, places: (at: number) => boolean): boolean => {
  const found = differingBytes(a, b);
  return found !== null && found.length > 0 && found.every(places);
};

/** RFC 1952, 2.3: bytes 4 to 7 are MTIME. */
export const isGzip = (bytes: Buffer): boolean => startsWith(bytes, 0x1f, 0x8b);
export const differInGzipTime = (a: Buffer, b: Buffer): boolean => both(a, b, isGzip) && onlyIn(a, b, (at) => at >= 4 && at < 8);

/** POSIX ustar: "ustar" at 257 of each header. */
export const isTar = (bytes: Buffer): boolean => bytes.subarray(257, 262).toString('latin1') === 'ustar';

/** APPNOTE.TXT, 4.3.7: local file header. JAR, wheel, egg and the office formats are zip, too. */
export const isZip = (bytes: Buffer): boolean => startsWith(bytes, 0x50, 0x4b, 0x03, 0x04);

/** `ar`, static libraries and .deb: "!<arch>". */
export const isAr = (bytes: Buffer): boolean => bytes.subarray(0, 7).toString('latin1') === '!<arch>';

export const isElf = (bytes: Buffer): boolean => startsWith(bytes, 0x7f, 0x45, 0x4c, 0x46);
const GNU = Buffer.from('GNU\0');
const BUILD_ID_NOTE = 3;

/**
 * ELF's note .note.gnu.build-id: namesz 4, descsz, type 3, "GNU\0", then the id; the linker computes it over the whole, so
 * that it differs with anything else. Only it: some linkers draw it at random.
 */
export function differInBuildId(a: Buffer, b: Buffer): boolean {
  if (!both(a, b, isElf)) return false;
  const note = buildIdAt(a);
  return note !== null && onlyIn(a, b, (at) => at >= note.from && at < note.to);
}

function buildIdAt(bytes: Buffer): { readonly from: number; readonly to: number } | null {
  for (let at = bytes.indexOf(GNU, 12); at !== -1; at = bytes.indexOf(GNU, at + 1)) {
    const [nameSize, size, type] = [bytes.readUInt32LE(at - 12), bytes.readUInt32LE(at - 8), bytes.readUInt32LE(at - 4)];
    if (nameSize === 4 && type === BUILD_ID_NOTE && size <= 64) return { from: at + 4, to: at + 4 + size };
  }
  return null;
}

/** PEP 552: bytes 4 to 7 are flags, 8 to 11 the source's time where the flags are 0, 8 to 15 its hash where bit 0 is set. */
export const differInPycTime = (a: Buffer, b: Buffer): boolean => onlyIn(a, b, (at) => at >= 8 && at < 12);
