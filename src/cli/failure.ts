/** How an error leaves the process: text on standard error, a document with --json, and the exit code. */
import { CommanderError } from 'commander';
import { inspect } from 'node:util';

import { KilnError, messageOf } from '../errors/error.ts';
import { harmlessText, type Terminal } from './terminal.ts';

/** Anything thrown as the one error type that people see. What is no KilnError is a bug. */
export function asKilnError(thrown: unknown): KilnError {
  if (thrown instanceof KilnError) return thrown;
  if (thrown instanceof CommanderError) return usage(thrown.message);
  return new KilnError('BUG', messageOf(thrown), {
    hint: 'this is a bug in Kiln: please report it with the lines above',
    cause: thrown,
  });
}

/** Commander's text is `error: unknown option '--foo'`, then perhaps `(Did you mean --follow?)` on a line of its own. */
function usage(message: string): KilnError {
  const [first = '', second = ''] = message.split('\n');
  const suggestion = /^\((.*)\)$/.exec(second)?.[1];
  const help = 'add --help to see what is there';
  return new KilnError('USAGE', first.replace(/^error: /, '').replaceAll("'", '"'), {
    hint: suggestion === undefined ? help : `${suggestion.replace(/^D/, 'd')} Or ${help}`,
  });
}

export function failureLines(error: KilnError, terminal: Terminal, debug: boolean): readonly string[] {
  const lines = [`${terminal.paint('red', `error[${error.code}]`)}: ${harmlessText(error.message)}`];
  // Some messages, such as a list of errors in one file, name their places themselves.
  const position = error.at === undefined ? '' : positionOf(error.at);
  if (!error.message.includes(position)) lines.push(`  at ${harmlessText(position)}`);
  const stack = error.code === 'BUG' && error.cause instanceof Error ? error.cause.stack : undefined;
  if (debug) lines.push(harmlessText(inspect(error)));
  else if (stack !== undefined) lines.push(harmlessText(stack));
  lines.push(`  ${terminal.paint('cyan', 'hint')}: ${harmlessText(error.hint)}`);
  return lines.flatMap((line) => line.split('\n'));
}

export const failureDocument = (error: KilnError): unknown => ({
  error: { code: error.code, message: error.message, hint: error.hint, ...(error.at === undefined ? {} : { at: error.at }) },
});

const positionOf = (at: NonNullable<KilnError['at']>): string =>
  [at.file, at.line, at.column].filter((part) => part !== undefined).join(':');
