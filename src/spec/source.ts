/**
 * YAML text to plain values, and where each of them stands. Stricter than YAML: one document, keys that are text, no
 * duplicate keys, no tags, and bounds on nesting and aliases, so that no text can take more memory or time than its size.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, Scalar } from 'yaml';

import { DEEPEST, readDocument } from './document.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem extends Position {
  readonly text: string;
}

export type Path = readonly PropertyKey[];

export interface Source {
  readonly value: unknown;
  readonly problems: readonly SyntaxProblem[];
  /** Of the value at the path (of its key, where the value is a map or a list), else of the nearest that encloses it. */
  locate(path: Path): Position;
  /** Of the key itself. */
  locateKey(path: Path): Position;
}

/** Where a value stands: offsets into the text. */
interface Place {
  readonly key: number | null;
  readonly value: number;
  readonly isCollection: boolean;
  readonly members: Map<PropertyKey, Place>;
}

/** Aliases count as what they stand for: a few lines can otherwise stand for gigabytes. */
const MOST_VALUES = 200_000;

export function readSource(text: string): Source {
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const { document, errors } = readDocument(text, lines);
  const converter = new Converter();
  const malformed = errors.map(({ offset, code, message }) => ({ offset, text: wordsFor(code, message) }));
  const root = document === null || malformed.length > 0 ? null : converter.root(document);
  const problems = [...malformed, ...converter.problems]
    .toSorted((a, b) => a.offset - b.offset)
    .filter((problem, index, all) => problem.offset !== all[index - 1]?.offset)
    .map((problem) => ({ ...position(problem.offset), text: problem.text }));
  const place = root?.place ?? { key: null, value: 0, isCollection: true, members: new Map<PropertyKey, Place>() };
  return {
    value: root?.value,
    problems,
    locate: (path) => position(offsetOf(descend(place, path))),
    locateKey: (path) => {
      const found = descend(place, path);
      return position(found.key ?? found.value);
    },
  };
}

const offsetOf = (place: Place): number => (place.isCollection ? (place.key ?? place.value) : place.value);

/** The place of the longest part of the path that is in the text. */
function descend(root: Place, path: Path): Place {
  let place = root;
  for (const step of path) {
    const next = place.members.get(step);
    if (next === undefined) return place;
    place = next;
  }
  return place;
}

function wordsFor(code: string, message: string): string {
  if (code === 'RESOURCE_EXHAUSTION') return `this nests deeper than the ${DEEPEST} levels that are allowed`;
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; kiln.yaml holds one';
  if (code === 'BLOCK_AS_IMPLICIT_KEY')
    return 'a key stands within a value here: look at the indentation of the next line, or quote the value';
  if (code === 'TAB_AS_INDENT') return 'indented with a tab; YAML wants spaces';
  return message.replace(/[.:]?\s*$/, '');
}

interface Converted {
  readonly value: unknown;
  readonly place: Place;
}

class Converter {
  readonly problems: { readonly offset: number; readonly text: string }[] = [];
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  root(document: Document): Converted {
    return this.#convert(document.contents, null, 0, 0);
  }

  #problem(offset: number, text: string): void {
    this.problems.push({ offset, text });
  }

  /** `at`: where to point for a value that has no text of its own (`key:` and nothing after it). */
  #convert(node: unknown, key: number | null, at: number, depth: number): Converted {
    const offset = startOf(node) ?? at;
    const empty = { value: null, place: { key, value: offset, isCollection: false, members: new Map<PropertyKey, Place>() } };
    if (++this.#values > MOST_VALUES) {
      if (this.#values === MOST_VALUES + 1)
        this.#problem(offset, `more than ${MOST_VALUES} values, aliases counted as what they stand for`);
      return empty;
    }
    if (depth > DEEPEST) {
      this.#problem(offset, wordsFor('RESOURCE_EXHAUSTION', ''));
      return empty;
    }
    if (isAlias(node)) return this.#alias(node.source, key, offset, depth) ?? empty;
    this.#remember(node, offset);
    if (isMap(node)) return this.#map(node.items, key, offset, depth);
    if (isSeq(node)) return this.#list(node.items, key, offset, depth);
    return isScalar(node) ? { ...empty, value: valueOf(node) } : empty;
  }

  /** Anchors are noted in the order of the text: an alias means the last one before it. */
  #remember(node: unknown, offset: number): void {
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined) this.#problem(offset, `the tag ${shown(node.tag)} is not allowed: plain YAML only`);
  }

  #alias(name: string, key: number | null, offset: number, depth: number): Converted | null {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#problem(offset, `the alias *${shown(name)} stands for nothing: no &${shown(name)} before it`);
      return null;
    }
    return this.#convert(target, key, offset, depth + 1);
  }

  #list(items: readonly unknown[], key: number | null, offset: number, depth: number): Converted {
    const members = new Map<PropertyKey, Place>();
    const value = items.map((item, index) => {
      const converted = this.#convert(item, null, offset, depth + 1);
      members.set(index, converted.place);
      return converted.value;
    });
    return { value, place: { key, value: offset, isCollection: true, members } };
  }

  #map(items: readonly Pair[], key: number | null, offset: number, depth: number): Converted {
    const members = new Map<PropertyKey, Place>();
    const entries: [string, unknown][] = [];
    for (const item of items) {
      const keyOffset = startOf(item.key) ?? offset;
      const name = this.#keyOf(item.key, keyOffset);
      if (name === null) continue;
      if (members.has(name)) this.#problem(keyOffset, `the key ${shown(name)} is there twice`);
      const converted = this.#convert(item.value, keyOffset, keyOffset, depth + 1);
      members.set(name, converted.place);
      entries.push([name, converted.value]);
    }
    return { value: Object.fromEntries(entries), place: { key, value: offset, isCollection: true, members } };
  }

  #keyOf(node: unknown, offset: number): string | null {
    if (!isScalar(node)) {
      this.#problem(offset, 'a key has to be text');
      return null;
    }
    this.#remember(node, offset);
    const name = isPlain(node) ? (node.source ?? '') : String(node.value);
    if (name === '__proto__' || name === '<<') {
      this.#problem(
        offset,
        name === '<<' ? 'merge keys (<<) are not allowed: write the keys out' : 'the key __proto__ is not allowed',
      );
      return null;
    }
    return name;
  }
}

/**
 * Plain scalars are numbers, truth values or nothing only when writing the value gives the same text back. `0644`, `1.10`
 * and `12345678901234567890` stay the text that they are: as numbers they would silently become others.
 */
function valueOf(node: Scalar): unknown {
  if (!isPlain(node)) return String(node.value);
  const { value, source = '' } = node;
  if (value === null) return null;
  return (typeof value === 'number' || typeof value === 'boolean') && String(value) === source ? value : source;
}

const isPlain = (node: Scalar): boolean => node.type === Scalar.PLAIN;

const shown = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 57)}…`);

/** Null where it has no text. */
function startOf(node: unknown): number | null {
  const known = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
  const [start, end] = (known ? node.range : null) ?? [];
  return start === undefined || start === end ? null : start;
}
