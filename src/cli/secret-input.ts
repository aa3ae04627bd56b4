/** A secret from standard input: asked for without an echo at a terminal, else read to the end of what comes. */
import { StringDecoder } from 'node:string_decoder';

import { KilnError } from '../errors/error.ts';
import type { Context } from './command.ts';

const LONGEST = 100_000;
const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACE = '\u007F';

/** One line, its line end excluded. Throws USAGE for what is too long, INTERRUPTED at Ctrl-C. */
export async function readSecret(prompt: string, context: Context): Promise<string> {
  return process.stdin.isTTY ? askFor(prompt, context) : readPiped(context.signal);
}

async function readPiped(signal: AbortSignal): Promise<string> {
  let text = '';
  const decoder = new StringDecoder('utf8');
  signal.addEventListener('abort', closeInput, { once: true });
  for await (const chunk of process.stdin) {
    text += decoder.write(chunk as Buffer);
    if (text.length > LONGEST) throw tooLong();
  }
  signal.throwIfAborted();
  return text.replace(/\r?\n$/, '');
}

const closeInput = (): void => void process.stdin.destroy();

async function askFor(prompt: string, { terminal }: Context): Promise<string> {
  terminal.complain(prompt);
  process.stdin.setRawMode(true);
  let text = '';
  try {
    for await (const chunk of process.stdin) {
      for (const letter of (chunk as Buffer).toString('utf8')) {
        if (ENTER.test(letter) || letter === CTRL_D) return text;
        if (letter === CTRL_C) throw interrupted();
        text = letter === BACKSPACE ? text.slice(0, -1) : text + letter;
        if (text.length > LONGEST) throw tooLong();
      }
    }
    return text;
  } finally {
    process.stdin.setRawMode(false);
    terminal.complain('\n');
  }
}

const interrupted = (): KilnError => new KilnError('INTERRUPTED', 'interrupted', { hint: 'nothing was kept' });

const tooLong = (): KilnError =>
  new KilnError('USAGE', `what came on standard input is longer than ${LONGEST} characters`, { hint: 'give the password only' });
