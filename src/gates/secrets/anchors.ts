/** Which of many words are in some bytes, in one pass whose time does not grow with their number (Aho and Corasick, 1975). */

export interface Anchors {
  /** Those that are there, each once. */
  in(bytes: Uint8Array): ReadonlySet<string>;
}

interface Node {
  /** By letter: where it goes on; of those that are no word's, where the longest end of what was read that is a word's start does. */
  readonly next: number[];
  readonly ends: string[];
}

/** Words of ASCII, none of them empty. */
export function anchorsOf(words: readonly string[]): Anchors {
  const letters = lettersOf(words);
  const width = 1 << Math.ceil(Math.log2(Math.max(2, Math.max(...letters) + 1)));
  const shift = Math.log2(width);
  const nodes = linked(trieOf(words, letters, width));
  // One table of numbers, so that a step is one look into it.
  const table = Uint16Array.from(nodes.flatMap(({ next }) => next));
  const isEnd = Uint8Array.from(nodes, ({ ends }) => Number(ends.length > 0));
  return {
    in(bytes) {
      const seen = new Set<number>();
      let state = 0;
      for (let at = 0; at < bytes.length; at++) {
        state = table[(state << shift) | (letters[bytes[at] as number] as number)] as number;
        if (isEnd[state] === 1) seen.add(state);
      }
      return new Set([...seen].flatMap((each) => nodes[each]?.ends ?? []));
    },
  };
}

/** Byte → its number among those that words have; 0: in none. */
function lettersOf(words: readonly string[]): Uint8Array {
  const letters = new Uint8Array(256);
  const used = [...new Set(words.flatMap((word) => [...Buffer.from(word, 'latin1')]))];
  for (const [index, byte] of used.entries()) letters[byte] = index + 1;
  return letters;
}

const NOWHERE = -1;

function trieOf(words: readonly string[], letters: Uint8Array, width: number): readonly Node[] {
  const nodes: Node[] = [];
  const add = (): number => nodes.push({ next: Array.from({ length: width }, () => NOWHERE), ends: [] }) - 1;
  add();
  for (const word of words) {
    let node = nodes[0];
    for (const byte of Buffer.from(word, 'latin1')) {
      const letter = letters[byte] ?? 0;
      if (node !== undefined && node.next[letter] === NOWHERE) node.next[letter] = add();
      node = nodes[node?.next[letter] ?? 0];
    }
    node?.ends.push(word);
  }
  return nodes;
}

/** By rising depth, so that what a node falls back to is linked already. */
function linked(nodes: readonly Node[]): readonly Node[] {
  const queue: { readonly node: number; readonly back: number }[] = [{ node: 0, back: 0 }];
  for (const { node, back } of queue) {
    const [here, behind] = [nodes[node], nodes[back]];
    if (here === undefined || behind === undefined) continue;
    if (node !== back) here.ends.push(...behind.ends);
    for (const [letter, to] of here.next.entries()) {
      const fall = node === 0 ? 0 : (behind.next[letter] ?? 0);
      if (to === NOWHERE) here.next[letter] = fall;
      else queue.push({ node: to, back: fall });
    }
  }
  return nodes;
}
