/** The distribution, as os-release(5) tells it. */
import type { Distribution } from './package.ts';
import { linesOf, plain } from './text.ts';

/** The first that is there counts. */
export const OS_RELEASE_PATHS = ['etc/os-release', 'usr/lib/os-release'] as const;
const ID = /^[a-z0-9._-]+$/;

/** Null where it names none. */
export function distributionOf(content: Buffer): Distribution | null {
  const fields = new Map<string, string>();
  for (const line of linesOf(content.toString('utf8'))) {
    const equals = line.indexOf('=');
    const value = plain(unquoted(line.slice(equals + 1).trim()), 128);
    if (equals > 0 && value !== null) fields.set(line.slice(0, equals).trim(), value);
  }
  const id = fields.get('ID') ?? '';
  if (!ID.test(id)) return null;
  const word = (name: string): string | null => {
    const value = fields.get(name) ?? '';
    return ID.test(value) ? value : null;
  };
  const version = word('VERSION_ID');
  return { id, version, codename: word('VERSION_CODENAME'), name: fields.get('PRETTY_NAME') ?? `${id} ${version ?? ''}`.trim() };
}

function unquoted(value: string): string {
  const quote = value[0];
  const isQuoted = (quote === '"' || quote === "'") && value.length > 1 && value.endsWith(quote);
  return isQuoted ? value.slice(1, -1) : value;
}
