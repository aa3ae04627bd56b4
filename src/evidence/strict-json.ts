/** JSON that means the same to everybody: UTF-8, no key twice in one object, not nested without end. */
import { KilnError } from '../errors/error.ts';

/** What in-toto predicates need is below 20; a parser that recurses survives this. */
const DEEPEST = 128;

/** `what` names the document in the error. Throws EVIDENCE_INVALID. */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    refuseAmbiguity(text, what);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof KilnError) throw cause;
    throw evidenceInvalid(`${what} is not JSON`);
  }
}

export function evidenceInvalid(message: string): KilnError {
  return new KilnError('EVIDENCE_INVALID', message, {
    hint: 'whoever attached it must mend it; until then it counts for nothing',
  });
}

/** One walk over the text. Of two members of one name, one parser takes the first and another the last: both are refused. */
function refuseAmbiguity(text: string, what: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') {
      if (open.push(char === '{' ? new Set() : null) > DEEPEST) throw evidenceInvalid(`${what} is nested too deeply`);
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === '"') {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys instanceof Set && isKey(text, end)) addKey(keys, text.slice(at, end), what);
      at = end - 1;
    }
  }
}

function addKey(keys: Set<string>, quoted: string, what: string): void {
  const key = JSON.parse(quoted) as string;
  if (keys.has(key)) throw evidenceInvalid(`${what} says "${key.slice(0, 80)}" twice in one object`);
  keys.add(key);
}

/** Just behind the closing quote. A string that does not end is for JSON.parse to refuse. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at === -1) return text.length;
    let before = at - 1;
    while (text[before] === '\\') before--;
    if ((at - before) % 2 === 1) return at + 1;
  }
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at++;
  return text[at] === ':';
}
