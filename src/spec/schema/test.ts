/** `image.test`: tests on a booted instance of the image, before it is published. */
import * as z from 'zod';

import { command, count, interval, leaf, mode, path, port, text, urlPath, word } from './fields.ts';

/** Of a test that says nothing else. */
const within = interval.describe('It is tried until it passes or this long; a command or script has this long for its only try.');
const common = { within: within.prefault('10s') };

const script = leaf(
  (value) =>
    typeof value === 'string' &&
    value !== '' &&
    !value.startsWith('/') &&
    !value.includes('\0') &&
    !value.split('/').includes('..')
      ? { ok: true, value }
      : { ok: false, expected: 'the path of a program, relative to the folder of kiln.yaml and within it' },
  { title: 'relative path', type: 'string', examples: ['test/smoke.sh'] },
);

/** Compiled here, so that a broken one is an error with its line; run with a bound on its time. */
const expression = leaf(
  (value) =>
    typeof value === 'string' && isExpression(value) ? { ok: true, value } : { ok: false, expected: 'a regular expression' },
  { title: 'regular expression', type: 'string', examples: ['^v20\\.'] },
);

function isExpression(value: string): boolean {
  try {
    void new RegExp(value, 'm');
    return true;
  } catch {
    return false;
  }
}

const account = word(/^[a-z0-9_][a-z0-9_-]*(:[a-z0-9_][a-z0-9_-]*)?$/, 'an account such as app, app:app or 1000:1000', ['app']);

export const httpTest = z.strictObject({
  http: urlPath.describe('GET this path.'),
  port: port.describe('On this port. Default: the port of the service.').optional(),
  status: count(100, 599).describe('The status of the answer.').prefault(200),
  body: z.string().min(1).max(1024).describe('Text that the answer holds.').optional(),
  header: z.record(z.string().min(1), text).describe('Headers, each with text that its value holds.').prefault({}),
  ...common,
});

export const commandTest = z.strictObject({
  command: command.describe('Run beside the instance: in its image and network, unable to write. No shell reads it.'),
  exit: count(0, 255).describe('Its exit code.').prefault(0),
  stdout: expression.describe('A regular expression that its output matches.').optional(),
  ...common,
  within: within.prefault('30s'),
});

const test = z.union([
  httpTest,
  commandTest,
  z.strictObject({
    file: path.describe('A file, folder or link, as the instance sees it.'),
    exists: z.boolean().describe('false: nothing is there.').prefault(true),
    mode: mode.describe('Its mode.').optional(),
    owner: account.describe('Its owner.').optional(),
    content: z.string().min(1).max(65_536).describe('Text that it holds.').optional(),
    ...common,
  }),
  z.strictObject({ user: account.describe('Who the process runs as.'), ...common }),
  z.strictObject({ port: port.describe('A TCP port that takes connections.'), ...common }),
  z.strictObject({
    script: script.describe(
      "A program of the folder, run on this machine as the folder's owner; KILN_TEST_HOST, KILN_TEST_PORT and KILN_TEST_URL name the instance.",
    ),
    ...common,
    within: within.prefault('60s'),
  }),
]);

export const tests = z
  .array(test)
  .max(200)
  .describe('Tests on a booted instance of the very image, read-only as in production; a failing one publishes nothing.')
  .prefault([]);

export type TestSpec = z.output<typeof test>;
