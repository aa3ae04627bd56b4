/** Text from within an image, before it is believed, stored or shown: bounded, one line, no control characters. */

const NAME_LENGTH = 256;
const VERSION_LENGTH = 256;
const LICENSE_LENGTH = 256;
// oxlint-disable-next-line no-control-regex -- these are what must not get through
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** Null for what can't be a name: none, too long, or with characters that would change how a terminal shows it. */
export const nameOf = (value: unknown): string | null => plain(value, NAME_LENGTH);
export const versionOf = (value: unknown): string | null => plain(value, VERSION_LENGTH);
export const licenseOf = (value: unknown): string | null => plain(value, LICENSE_LENGTH);

export function plain(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string' || value.length > 4 * maxLength) return null;
  const text = value.trim();
  return text === '' || text.length > maxLength || CONTROL.test(text) ? null : text;
}

/** A path of a layer (bytes as latin1) as people read it. */
export const shownPath = (path: string): string =>
  Buffer.from(path, 'latin1').toString('utf8').replaceAll(new RegExp(CONTROL, 'g'), '\uFFFD');

/** Lines without making all of them at once: a hostile file is one line, or nothing but line ends. */
export function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const next = end === -1 ? text.length : end;
    yield text.slice(at, text[next - 1] === '\r' && next > at ? next - 1 : next);
    at = next + 1;
  }
}

/**
 * Stanzas of `Field: value` lines between empty lines (deb-control(5), PKG-INFO), the wanted fields only: field in lower
 * case → first line of its first value.
 */
export function* stanzasOf(text: string, wanted: ReadonlySet<string>): Generator<ReadonlyMap<string, string>> {
  let fields = new Map<string, string>();
  for (const line of linesOf(text)) {
    if (line === '') {
      if (fields.size > 0) yield fields;
      fields = new Map();
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1 || colon > 64 || line[0] === ' ' || line[0] === '\t') continue;
    const field = line.slice(0, colon).toLowerCase();
    if (wanted.has(field) && !fields.has(field)) fields.set(field, line.slice(colon + 1).trim());
  }
  if (fields.size > 0) yield fields;
}
