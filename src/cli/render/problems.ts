/** What is wrong with this machine or home, each with what to do. */
import type { ProblemBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';

export const problemLines = (problems: readonly ProblemBody[], { paint }: Terminal): readonly string[] =>
  problems.flatMap(({ what, hint, fatal, code }) => [
    `${fatal ? paint('red', '✗') : paint('yellow', '●')} ${harmless(what)}${code === undefined ? '' : ` [${code}]`}`,
    `    ${harmless(hint)}`,
  ]);
