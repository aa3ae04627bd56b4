/** BAKE_STEP_FAILED: the step, how it ended, and the last lines of what it said. */
import { KilnError } from '../../errors/error.ts';
import type { ExecResult } from '../../platform/exec.ts';

const SHOWN_LINES = 12;

export function stepFailed(step: string, result: ExecResult, hint: string): KilnError {
  const how = result.code === null ? `was ended by ${result.signal}` : `failed with exit code ${result.code}`;
  const said = lastLines(result.stderr.trim() === '' ? result.stdout : result.stderr);
  return new KilnError('BAKE_STEP_FAILED', `the step "${step}" ${how}${said === '' ? '' : `:\n${said}`}`, { hint });
}

function lastLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(-SHOWN_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
