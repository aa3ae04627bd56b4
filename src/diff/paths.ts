/** Names are bytes; people and JSON get text. */
import { bytesOf } from '../oci/tar-format.ts';

/** Absolute, of a relative path of bytes as latin1. */
export const readablePath = (path: string): string => `/${readable(path)}`;

/** Two names never look the same: where a byte is no UTF-8, all that is not printable ASCII becomes `\xNN`. */
export function readable(name: string): string {
  const bytes = bytesOf(name);
  const text = bytes.toString('utf8');
  return text.includes('\uFFFD') || name.includes('\\x') ? escaped(bytes) : text;
}

const escaped = (bytes: Buffer): string =>
  Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCodePoint(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
