/** Standard output and error as the commands see them: width, colours, and whether a person watches. */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

export interface Terminal {
  /** A person watches: output may be redrawn. */
  readonly live: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Without colours (no terminal, NO_COLOR): the text as it is. */
  readonly paint: (paint: Paint, text: string) => string;
  /** To standard output. */
  readonly write: (text: string) => void;
  /** To standard error. */
  readonly complain: (text: string) => void;
}

/** What a file or a pipe gets, and what every table fits. */
export const PLAIN_COLUMNS = 80;
const PLAIN_ROWS = 24;

export function terminalOf(env: NodeJS.ProcessEnv): Terminal {
  const { stdout, stderr } = process;
  const isTerminal = stdout.isTTY && env['TERM'] !== 'dumb';
  const coloured = isTerminal && (env['NO_COLOR'] ?? '') === '';
  return {
    live: isTerminal,
    get columns() {
      return isTerminal ? Math.max(40, stdout.columns) : PLAIN_COLUMNS;
    },
    get rows() {
      return isTerminal ? Math.max(5, stdout.rows) : PLAIN_ROWS;
    },
    paint: (paint, text) => (coloured ? styleText(paint, text, { validateStream: false }) : text),
    write: (text) => void stdout.write(text),
    complain: (text) => void stderr.write(text),
  };
}

/** How many columns a text takes, colours not counted. Kiln prints no wide characters of its own. */
export const widthOf = (text: string): number => Array.from(stripVTControlCharacters(text)).length;

/** Text from elsewhere on one line, with nothing in it that steers a terminal. */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\p{Cc}/gu, '');

/** The same with its lines and spaces as they are: for errors, which quote what callers and programs said. */
export const harmlessText = (text: string): string => stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\t\n]/gu, '');

const COLOURS = new RegExp(`(${String.fromCodePoint(0x1b)}\\[[\\d;]*m)`, 'u');

/** The same for a line of a log: tabs and colours stay, other sequences go. */
export const harmlessLogLine = (text: string): string =>
  text
    .split(COLOURS)
    .map((part, index) => (index % 2 === 1 ? part : stripVTControlCharacters(part).replaceAll(/[^\P{Cc}\t]/gu, '')))
    .join('');
