/** What stands between `for` and what it goes over. */
import type { Cursor } from './cursor.ts';

/** `item in`, `key, item in`. */
export function forNames(cursor: Cursor): { readonly key: string | null; readonly item: string } {
  const one = (): string => {
    cursor.skip(true);
    return cursor.name() ?? cursor.refuse(`expected a name after "for", found ${cursor.found()}`);
  };
  const first = one();
  cursor.skip(true);
  const second = cursor.take(',') ? one() : null;
  cursor.skip(true);
  if (!cursor.keyword('in')) cursor.refuse(`expected "in" after the names of "for", found ${cursor.found()}`);
  return second === null ? { key: null, item: first } : { key: first, item: second };
}
