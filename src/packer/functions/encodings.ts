/** Functions between text and values: JSON, YAML, CSV, base64, URLs, hashes. */
import { createHash } from 'node:crypto';
import { parseDocument, stringify } from 'yaml';

import { DEEPEST } from '../limits.ts';
import { mapOf, type Value } from '../evaluate/values.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';

const hash = (algorithm: string) => fn(1, (args) => createHash(algorithm).update(args.text(0)).digest('hex'));

/** What a parser answered, as a value of templates: bounded, and maps without a prototype. */
export function valueOf(parsed: unknown, refuse: (why: string) => never, depth = 0): Value {
  if (depth > DEEPEST) return refuse(`is nested more than ${DEEPEST} deep`);
  if (parsed === null || typeof parsed === 'string' || typeof parsed === 'boolean') return parsed;
  if (typeof parsed === 'number') return Number.isFinite(parsed) ? parsed : refuse('holds a number without end');
  if (Array.isArray(parsed)) return parsed.map((item: unknown) => valueOf(item, refuse, depth + 1));
  if (typeof parsed === 'object' && parsed !== undefined)
    return mapOf(Object.entries(parsed).map(([key, item]) => [key, valueOf(item, refuse, depth + 1)] as const));
  return refuse('holds what no template can');
}

function decoded(args: Args, what: string, read: (text: string) => unknown): Value {
  let parsed: unknown;
  try {
    parsed = read(args.text(0));
  } catch {
    return args.refuse(`the text is no ${what}`);
  }
  return valueOf(parsed, (why) => args.refuse(why));
}

function readYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
  if (document.errors.length > 0) throw new Error('not YAML');
  return document.toJS({ maxAliasCount: 50 });
}

/** RFC 4180: quotes are doubled within quotes. The first row names the columns. */
function csv(args: Args): Value {
  const rows: string[][] = [[]];
  let field = '';
  let quoted = false;
  const text = args.text(0).replaceAll('\r\n', '\n');
  for (let at = 0; at < text.length; at++) {
    const each = text[at] ?? '';
    if (quoted && each === '"' && text[at + 1] === '"') {
      field += each;
      at++;
    } else if (each === '"') quoted = !quoted;
    else if (!quoted && (each === ',' || each === '\n')) {
      rows.at(-1)?.push(field);
      field = '';
      if (each === '\n') rows.push([]);
    } else field += each;
  }
  rows.at(-1)?.push(field);
  const [head = [], ...lines] = rows.filter((row) => row.length > 1 || row[0] !== '');
  return lines.map((row) => mapOf(head.map((name, column) => [name, row[column] ?? ''] as const)));
}

export const ENCODINGS: FunctionTable = {
  base64decode: fn(1, (args) => Buffer.from(args.text(0), 'base64').toString('utf8')),
  base64encode: fn(1, (args) => Buffer.from(args.text(0)).toString('base64')),
  csvdecode: fn(1, csv),
  jsondecode: fn(1, (args) => decoded(args, 'JSON', (text) => JSON.parse(text) as unknown)),
  jsonencode: fn(1, (args) => JSON.stringify(args.value(0))),
  md5: hash('md5'),
  sha1: hash('sha1'),
  sha256: hash('sha256'),
  sha512: hash('sha512'),
  urlencode: fn(1, (args) => encodeURIComponent(args.text(0)).replaceAll('%20', '+')),
  yamldecode: fn(1, (args) => decoded(args, 'YAML', readYaml)),
  yamlencode: fn(1, (args) => stringify(args.value(0))),
};
