/**
 * YAML text to the library's document, with its work bounded. The library goes on after every error, and looks up the whole
 * nesting for each token of a deep text: a few hundred kilobytes took it 18 s. What is too deep or too wrong is given up on
 * while it is read.
 */
import { Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';

/** Levels of maps and lists within each other. */
export const DEEPEST = 50;
/** Of the reader's own stack, which also counts what is no level; what is only a little too deep is told by its place. */
const DEEPEST_STACK = DEEPEST * 2;
/** Keys, values, marks and spaces: about ten a line. Work grows with these, not with the bytes. */
const MOST_WORDS = 50_000;
/** A person mends the first ones, and tries again. */
const MOST_ERRORS = 50;

export interface Read {
  /** Null where it was given up on. */
  readonly document: Document.Parsed | null;
  readonly errors: readonly Malformed[];
}

export interface Malformed {
  readonly offset: number;
  readonly code: string;
  readonly message: string;
}

/** `lines` learns where lines begin. */
export function readDocument(text: string, lines: LineCounter): Read {
  const errors: Malformed[] = [];
  let givenUp = false;
  const giveUp = (offset: number, code: string, message: string): void => {
    givenUp = true;
    errors.push({ offset, code, message });
  };
  const tokens = function* (): ReturnType<Parser['parse']> {
    const parser = new Parser(lines.addNewLine);
    lines.addNewLine(0);
    let [words, wrong] = [0, 0];
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) {
        if (token.type === 'error') wrong += 1;
        yield token;
      }
      words += 1;
      if (parser.stack.length > DEEPEST_STACK) giveUp(parser.offset, 'RESOURCE_EXHAUSTION', '');
      else if (words > MOST_WORDS) giveUp(parser.offset, 'TOO_LONG', `more than ${MOST_WORDS} keys, values and marks`);
      else givenUp = wrong > MOST_ERRORS;
      if (givenUp) return;
    }
    yield* parser.end();
  };
  // Duplicate keys are found by whoever converts the document: the library compares each key with each other, which takes
  // minutes for a large map.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  let document: Document.Parsed | null = null;
  for (const each of composer.compose(tokens(), true, text.length)) {
    if (document !== null) errors.push({ offset: each.range[0], code: 'MULTIPLE_DOCS', message: '' });
    for (const { pos, code, message } of each.errors.slice(0, MOST_ERRORS)) errors.push({ offset: pos[0], code, message });
    if (document !== null) break;
    document = each;
  }
  return { document: givenUp ? null : document, errors };
}
