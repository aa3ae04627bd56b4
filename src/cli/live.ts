/** Lines that are redrawn in place while a person watches, and never drawn where nobody does. */
import { cut } from './render/table.ts';
import type { Terminal } from './terminal.ts';

export interface Live {
  /** Replaces what was drawn before; more lines than the terminal has rows are cut from the top. */
  draw(lines: readonly string[]): void;
  /** Takes away what was drawn. */
  clear(): void;
}

const CLEAR_BELOW = '\u001B[0J';

export function liveOn(terminal: Terminal): Live {
  if (!terminal.live) return { draw: () => {}, clear: () => {} };
  let drawn = 0;
  const back = (): string => (drawn === 0 ? '' : `\u001B[${drawn}F`);
  return {
    draw(lines) {
      const shown = lines.slice(-(terminal.rows - 1)).map((line) => cut(line, terminal.columns));
      // One write, the new text over the old: clearing first would flicker.
      terminal.write(`${back()}${shown.map((line) => `${line}\u001B[0K\n`).join('')}${CLEAR_BELOW}`);
      drawn = shown.length;
    },
    clear() {
      if (drawn > 0) terminal.write(`${back()}${CLEAR_BELOW}`);
      drawn = 0;
    },
  };
}
