/** What a difference is told in, before it is made harmless for a terminal or for Markdown. */

/** Words of Kiln's own, and quoted those of images and people: each renderer makes them harmless in its way. */
export type Words = readonly (string | { readonly quoted: string })[];

export interface Row {
  /** `!`: changed, and worth a look. */
  readonly sign: '+' | '−' | '~' | '!';
  readonly name: string;
  readonly words: Words;
  /** Changed lines of a text. */
  readonly lines: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly summary: string;
  readonly rows: readonly Row[];
  /** Rows that are not there because the answer did not list them. */
  readonly more: number;
  /** What must be known to believe it. */
  readonly notes: readonly Words[];
}

export const quoted = (text: string): Words[number] => ({ quoted: text });
export const arrow = (from: Words, to: Words): Words => [...from, ' → ', ...to];

/** `3 added · 1 removed`; nothing where nothing differs. */
export const tally = (...counts: readonly (readonly [number, string])[]): string =>
  counts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(' · ');
