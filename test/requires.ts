/** What a test needs of the machine. Missing: skipped with the reason, or with CI=true a failure. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const SYSTEM_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

function installed(program: string): boolean {
  return SYSTEM_PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * For `test(name, requires('root', 'haproxy'), fn)`: `root`, or names of programs. With CI=true nothing is skipped, so
 * that the test runs and fails by itself where the component is missing.
 */
export function requires(...needs: readonly string[]): { skip: string | false } {
  const missing = needs.filter((need) => (need === 'root' ? process.getuid?.() !== 0 : !installed(need)));
  if (missing.length === 0 || process.env['CI'] === 'true') return { skip: false };
  return { skip: `needs ${missing.join(', ')}` };
}
