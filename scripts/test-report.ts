/**
 * The report of `npm test`: node's own spec report with its closing lines held back, then what was skipped and why, then
 * those lines, so that they are the last thing that is printed.
 */
import { relative } from 'node:path';
import { Readable } from 'node:stream';
import { type TestEvent, spec } from 'node:test/reporters';

interface Seen {
  readonly skipped: string[];
  readonly closing: string[];
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const seen: Seen = { skipped: [], closing: [] };
  const reporter = new spec();
  for await (const text of Readable.from(withheld(source, seen)).pipe(reporter)) yield String(text);
  if (seen.skipped.length > 0) yield `\nskipped, and why:\n${seen.skipped.join('\n')}\n\n`;
  yield `${seen.closing.join('\n')}\n`;
}

/** Passes all events on but the runner's closing lines, noting those and the skipped tests. */
async function* withheld(source: AsyncIterable<TestEvent>, seen: Seen): AsyncGenerator<TestEvent, void> {
  for await (const event of source) {
    if (event.type === 'test:pass' && event.data.skip !== undefined) seen.skipped.push(skipLine(event.data));
    // Closing lines belong to no file; what a test says with t.diagnostic() does.
    if (event.type === 'test:diagnostic' && event.data.file === undefined) seen.closing.push(`ℹ ${event.data.message}`);
    else yield event;
  }
}

function skipLine(test: { readonly name: string; readonly file?: string; readonly skip?: string | boolean }): string {
  const where = test.file === undefined ? '' : ` (${relative(process.cwd(), test.file)})`;
  return `  ﹣ ${test.name}${where}: ${typeof test.skip === 'string' ? test.skip : 'no reason given'}`;
}
