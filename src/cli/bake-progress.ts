/** What a bake says while it works: a line for each step, on a terminal with the running steps and their output below. */
import type { BakeEventBody } from '../client/client.ts';
import type { Context } from './command.ts';
import { liveOn } from './live.ts';
import { duration } from './render/amounts.ts';
import { cut } from './render/table.ts';
import { harmless, type Terminal } from './terminal.ts';

const SHOWN_OUTPUT = 4;
const STEP_WIDTH = 64;

/** Shows the events to their end, or until the context's signal fires. With --json nothing is shown. */
export async function showBake(events: AsyncIterable<BakeEventBody>, { terminal, json }: Context): Promise<void> {
  const live = liveOn(terminal);
  const running = new Map<string, readonly string[]>();
  let cached = 0;
  const tellCached = (): void => {
    if (cached > 0) terminal.write(`${stepLine(`${cached} ${cached === 1 ? 'step' : 'steps'}`, 'cached', terminal)}\n`);
    cached = 0;
  };
  try {
    for await (const event of events) {
      if (json) continue;
      if (event.kind === 'service') terminal.write(`${harmless(event.service)}\n`);
      else if (event.kind === 'gate.started') running.set(gateName(event.gate), []);
      else if (event.kind === 'step.started') running.set(event.step, []);
      else if (event.kind === 'step.output') running.set(event.step, lastLines(running.get(event.step) ?? [], event.text));
      else {
        running.delete(event.kind === 'gate.done' ? gateName(event.gate) : event.step);
        live.clear();
        // What was done is worth a line; what was not needed, a word.
        if (event.kind === 'step.done' && event.cached) cached += 1;
        else {
          tellCached();
          terminal.write(`${endedLine(event, terminal)}\n`);
        }
      }
      live.draw([...running].flatMap(([step, output]) => [`  ● ${nameOf(step)}`, ...output.map((line) => `      ${line}`)]));
    }
  } finally {
    live.clear();
    tellCached();
  }
}

const nameOf = (step: string): string => cut(harmless(step), STEP_WIDTH);

const lastLines = (before: readonly string[], text: string): readonly string[] =>
  [...before, ...text.split('\n').map(harmless)].filter((line) => line.trim() !== '').slice(-SHOWN_OUTPUT);

type Ended = Extract<BakeEventBody, { ms: number }>;

function endedLine(event: Ended, terminal: Terminal): string {
  const { mark, what } = endingOf(event, terminal);
  return `  ${mark} ${what.padEnd(STEP_WIDTH)} ${duration(event.ms).padStart(9)}`;
}

function endingOf(event: Ended, terminal: Terminal): { readonly mark: string; readonly what: string } {
  const marks = { pass: terminal.paint('green', '✓'), fail: terminal.paint('red', '✗'), skipped: '-' };
  if (event.kind === 'gate.done') return { mark: marks[event.verdict], what: nameOf(`${gateName(event.gate)}: ${event.why}`) };
  return { mark: marks[event.kind === 'step.failed' ? 'fail' : 'pass'], what: nameOf(event.step) };
}

const gateName = (gate: string): string => `gate ${gate}`;

const stepLine = (what: string, how: string, terminal: Terminal): string =>
  `  ${terminal.paint('green', '✓')} ${what.padEnd(STEP_WIDTH)} ${how.padStart(9)}`;
