/** From what a source answers to the value that a reference means, and whether an instance can get it. Pure; no error quotes a value. */
import { referenceParts, type ReferenceParts } from '../domain/reference.ts';
import type { Delivery } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';

/** Linux takes 128 KiB for one variable, its name included. */
const MOST_ENV_BYTES = 64 << 10;
const MOST_FILE_BYTES = 1 << 20;

/** The parts of a reference out of a release: it was checked when kiln.yaml was read. */
export function partsOf(from: string): ReferenceParts {
  const parts = referenceParts(from);
  if (parts === null) throw new RangeError('this is no reference');
  return parts;
}

/** Throws VALUE_NOT_FOUND, VALUE_REFUSED. */
export function valueIn(bytes: Buffer, { kind, field }: ReferenceParts): Buffer {
  if (field === null && kind !== 'vault') return bytes;
  const members = objectIn(bytes);
  if (members === null) throw refused('what is there is no JSON object', `leave #${field} out, or keep a JSON object there`);
  const names = Object.keys(members);
  const name = field ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) {
    throw refused(`the secret has ${names.length} fields`, 'name one of them, as in vault://secret/web/db#password');
  }
  if (!Object.hasOwn(members, name)) {
    throw new KilnError('VALUE_NOT_FOUND', `what is there has no member "${name}"`, {
      hint: 'mend what stands after # in the reference',
    });
  }
  const value = members[name];
  if (typeof value === 'string') return Buffer.from(value);
  if (typeof value === 'number' || typeof value === 'boolean') return Buffer.from(String(value));
  throw refused(`the member "${name}" is no text`, 'keep text there; a whole JSON document is taken without #');
}

function objectIn(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Throws VALUE_REFUSED for what can't be a variable or is too large a file. */
export function requireDeliverable(value: Buffer, to: Delivery): void {
  const most = to.kind === 'env' ? MOST_ENV_BYTES : MOST_FILE_BYTES;
  if (value.length > most) {
    throw refused(
      `the value has ${value.length} bytes, and ${most} is the most`,
      'keep it elsewhere: on a volume, or in the image',
    );
  }
  if (to.kind === 'env') textOf(value);
}

/** As a variable. Throws VALUE_REFUSED. */
export function textOf(value: Buffer): string {
  const isText = Buffer.from(value.toString('utf8')).equals(value) && !value.includes(0);
  if (isText) return value.toString('utf8');
  throw refused('the value is no text in UTF-8, which a variable has to be', 'take it as a file: { from: …, as: file }');
}

const refused = (message: string, hint: string): KilnError => new KilnError('VALUE_REFUSED', message, { hint });
