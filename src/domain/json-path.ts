/**
 * One value out of a JSON document: singular queries of JSONPath (RFC 9535, 2.3.5.1), such as `$.data[0].rate` or
 * `$['error rate']`. What could give several values (`*`, `..`, filters) is refused: a metric is one number.
 */

const SEGMENT =
  /\.([A-Za-z_\u0080-\u{10FFFF}][\w\u0080-\u{10FFFF}]*)|\[(-?\d{1,9})\]|\['((?:[^'\\]|\\['\\])*)'\]|\["((?:[^"\\]|\\["\\])*)"\]/uy;

/** The keys and indices that lead to the value, in order; null where the text is no such query. */
export function parsePath(text: string): readonly (string | number)[] | null {
  if (!text.startsWith('$')) return null;
  const segments: (string | number)[] = [];
  SEGMENT.lastIndex = 1;
  while (SEGMENT.lastIndex < text.length) {
    const match = SEGMENT.exec(text);
    if (match === null) return null;
    const [, name, index, single, double] = match;
    segments.push(name ?? (index === undefined ? (single ?? double ?? '').replaceAll(/\\(.)/g, '$1') : Number(index)));
  }
  return segments;
}

/** Undefined where nothing is there. A negative index counts from the end. */
export function valueAt(document: unknown, segments: readonly (string | number)[]): unknown {
  return segments.reduce<unknown>((value, segment) => {
    if (typeof segment === 'number') return Array.isArray(value) ? (value as readonly unknown[]).at(segment) : undefined;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isMap && Object.hasOwn(value, segment) ? (value as Readonly<Record<string, unknown>>)[segment] : undefined;
  }, document);
}
