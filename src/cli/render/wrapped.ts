/** Running text broken between words, so that it fits the width; a word that is longer than a line stays whole. */
import { widthOf } from '../terminal.ts';

/** The first line starts with `first`, all others with as many spaces. */
export function wrapped(first: string, text: string, columns: number): readonly string[] {
  const indent = ' '.repeat(widthOf(first));
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + widthOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].map((each, index) => `${index === 0 ? first : indent}${each}`);
}
