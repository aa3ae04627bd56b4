/** Typed access to what was given on the command line; what does not fit is a USAGE error. */
import { KilnError } from '../errors/error.ts';

export interface Arguments {
  /** An argument or option that may be absent. */
  text(name: string): string | undefined;
  /** A required argument: commander has seen that it is there. */
  required(name: string): string;
  /** Of an option that may be given several times. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** `--no-NAME` was given. */
  declined(name: string): boolean;
  /** A whole number of at least `least`. */
  integer(name: string, least: number): number | undefined;
}

/** `positional` by upper-case name, `options` by commander's camel-case key. */
export function argumentsOf(
  positional: Readonly<Record<string, string | undefined>>,
  options: Readonly<Record<string, unknown>>,
): Arguments {
  const text = (name: string): string | undefined => {
    const value = positional[name] ?? options[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    text,
    required(name) {
      const value = text(name);
      if (value === undefined || value === '') {
        throw new KilnError('USAGE', `${name} is missing`, { hint: 'add --help to the command to see what it takes' });
      }
      return value;
    },
    texts: (name) => {
      const values = options[name];
      return Array.isArray(values) ? values.filter((value) => typeof value === 'string') : [];
    },
    flag: (name) => options[name] === true,
    declined: (name) => options[name] === false,
    integer(name, least) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^\d{1,9}$/.test(value) || Number(value) < least) {
        const given = name in positional ? name : `--${name}`;
        throw new KilnError('USAGE', `${given} is "${value}", which is not a whole number of at least ${least}`, {
          hint: `give a number, such as ${Math.max(least, 3)}`,
        });
      }
      return Number(value);
    },
  };
}

/** `r7` or `7`. */
export function releaseNumber(word: string): number {
  const digits = /^r?([1-9]\d{0,8})$/.exec(word)?.[1];
  if (digits !== undefined) return Number(digits);
  throw new KilnError('USAGE', `"${word}" is no release number`, {
    hint: 'give one such as r7; `kiln releases SERVICE` lists them',
  });
}
