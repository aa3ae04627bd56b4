/** Names and texts from elsewhere where two that differ must not look alike: what has no shape of its own is spelled out. */

/** Controls, what steers the direction of text, joiners, odd blanks, and what is no character. */
const SHAPELESS = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** On one line, and nothing in it steers a terminal: `\t`, `\n`, `\u{202e}`. */
export const visible = (text: string): string => text.replaceAll(SHAPELESS, spelled);

const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const spelled = (sign: string): string => SHORT[sign] ?? `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`;

/** The middle of a long name gives way: its beginning says where, its end says what. */
export function elided(text: string, width: number): string {
  const signs = Array.from(text);
  if (signs.length <= width) return text;
  const tail = Math.floor(((width - 1) * 2) / 3);
  return `${signs.slice(0, width - 1 - tail).join('')}…${signs.slice(signs.length - tail).join('')}`;
}
