/**
 * The `{{ … }}` of Packer's legacy template engine: calls, pipes and texts. What only Packer can know (`{{ .Vars }}`,
 * `{{ build … }}`) is a Refusal.
 */
import type { Value } from './evaluate/values.ts';
import { isotime } from './functions/dates.ts';
import { MOST_FILE_BYTES } from './limits.ts';
import { Refusal, type Place } from './problems.ts';

export interface Engine {
  readonly nowMs: number;
  /** `{{user}}`: null where the template's form has none. */
  readonly user: ((name: string, at: Place) => string) | null;
  /** `{{env}}`: null outside a variable's default. */
  readonly env: ((name: string, at: Place) => string) | null;
  readonly buildName: string;
  readonly buildType: string;
  /** The template asked what time it is. */
  readonly asked: () => void;
}

type EngineFunction = (args: readonly string[], engine: Engine, at: Place) => string;

/** Not refused but empty where the argument is missing: Go's templates would not compile then. */
const need = (args: readonly string[], position: number, name: string, at: Place): string => {
  const value = args[position];
  if (value === undefined) throw new Refusal(at, `{{${name}}} lacks an argument; see Packer's template engine`);
  return value;
};

const FUNCTIONS: Readonly<Record<string, EngineFunction>> = {
  build_name: (_, engine) => engine.buildName,
  build_type: (_, engine) => engine.buildType,
  clean_resource_name: (args, _, at) => need(args, 0, 'clean_resource_name', at).replaceAll(/[^\w.-]/g, '-'),
  env: (args, { env }, at) => {
    if (env === null) throw new Refusal(at, '{{env}} stands only in the default of a variable; move it there');
    return env(need(args, 0, 'env', at), at);
  },
  isotime: ([layout = null], engine) => {
    engine.asked();
    return isotime(engine.nowMs, layout);
  },
  lower: (args, _, at) => need(args, 0, 'lower', at).toLowerCase(),
  packer_version: () => '1.11.0',
  pwd: () => '.',
  replace: (args, _, at) => replaced(args, Number(need(args, 2, 'replace', at)), at),
  replace_all: (args, _, at) => replaced([need(args, 0, 'replace_all', at), args[1] ?? '', '', args[2] ?? ''], -1, at),
  split: (args, _, at) => need(args, 0, 'split', at).split(need(args, 1, 'split', at))[Number(args[2] ?? 0)] ?? '',
  template_dir: () => '.',
  timestamp: (_, engine) => {
    engine.asked();
    return String(Math.floor(engine.nowMs / 1000));
  },
  upper: (args, _, at) => need(args, 0, 'upper', at).toUpperCase(),
  user: (args, { user }, at) => {
    if (user === null) throw new Refusal(at, '{{user}} belongs to templates in JSON; write ${var.NAME}');
    return user(need(args, 0, 'user', at), at);
  },
};

/** `replace OLD NEW COUNT TEXT`, as strings.Replace. */
function replaced(args: readonly string[], count: number, at: Place): string {
  const [old, by, text] = [need(args, 0, 'replace', at), need(args, 1, 'replace', at), need(args, 3, 'replace', at)];
  if (old === '' || Number.isNaN(count)) return text;
  const parts = text.split(old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  return (
    parts.slice(0, times + 1).join(by) +
    parts
      .slice(times + 1)
      .map((part) => old + part)
      .join('')
  );
}

/** Every text in the value, rendered. `at` is where the value stands. */
export function renderValue(value: Value, engine: Engine, at: Place): Value {
  if (typeof value === 'string') return render(value, engine, at);
  if (Array.isArray(value)) return value.map((item: Value) => renderValue(item, engine, at));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderValue(item, engine, at)] as const));
}

export function render(text: string, engine: Engine, at: Place): string {
  let made = '';
  let from = 0;
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', from)) {
    const close = closing(text, open + 2);
    if (close === -1) throw new Refusal(at, '"{{" has no "}}"; write {{"{{"}} for the braces themselves');
    const before = text.slice(from, open);
    const inner = text.slice(open + 2, close);
    made += inner.startsWith('-') ? before.trimEnd() : before;
    made += pipeline(inner.replace(/^-/, '').replace(/-$/, ''), engine, at);
    from = close + 2;
    if (inner.endsWith('-')) while (/\s/.test(text[from] ?? '')) from++;
    if (made.length > MOST_FILE_BYTES * 8) throw new Refusal(at, 'makes too much text; make less of it');
  }
  return made + text.slice(from);
}

/** Where the `}}` is that closes; texts between quotes may hold one. */
function closing(text: string, start: number): number {
  let quote: string | null = null;
  for (let at = start; at < text.length; at++) {
    const each = text[at] ?? '';
    if (quote !== null) {
      if (each === '\\' && quote === '"') at++;
      else if (each === quote) quote = null;
    } else if (each === '"' || each === '`') quote = each;
    else if (each === '}' && text[at + 1] === '}') return at;
  }
  return -1;
}

const WORD = /\s*(?:`([^`]*)`|"((?:[^"\\]|\\.)*)"|(\|)|([^\s|`"]+))/y;

/** `user `name` | upper`: what is before a pipe becomes the last argument of what is after it. */
function pipeline(source: string, engine: Engine, at: Place): string {
  let words: { readonly text: string; readonly quoted: boolean }[] = [];
  let piped: string | null = null;
  WORD.lastIndex = 0;
  for (let found = WORD.exec(source); found !== null; found = WORD.exec(source)) {
    const [, raw, escaped, pipe, bare] = found;
    if (pipe !== undefined) {
      piped = stage(words, piped, engine, at);
      words = [];
    } else if (raw !== undefined) words.push({ text: raw, quoted: true });
    else if (escaped !== undefined) words.push({ text: escaped.replaceAll(/\\(.)/g, '$1'), quoted: true });
    else words.push({ text: bare ?? '', quoted: false });
  }
  return stage(words, piped, engine, at);
}

function stage(
  words: readonly { readonly text: string; readonly quoted: boolean }[],
  piped: string | null,
  engine: Engine,
  at: Place,
): string {
  const [first, ...rest] = words;
  if (first === undefined) throw new Refusal(at, '"{{ }}" says nothing; write {{"{{"}} for the braces themselves');
  const args = [...rest.map(({ text }) => text), ...(piped === null ? [] : [piped])];
  if (first.quoted) return first.text;
  const known = Object.hasOwn(FUNCTIONS, first.text) ? FUNCTIONS[first.text] : undefined;
  if (known === undefined) {
    throw new Refusal(at, `{{${first.text}}} is known to Packer only while it builds; write the value out, or give a variable`);
  }
  return known(args, engine, at);
}
