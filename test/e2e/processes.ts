/** The processes of one home, so that a test can kill one: by command line, or by living in a cgroup of the home. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Home } from '../../src/platform/home.ts';

export interface Running {
  readonly pid: number;
  readonly command: string;
}

export function processesOf(home: Home): readonly Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => {
      const command = readOrEmpty(join('/proc', name, 'cmdline'))
        .replaceAll('\0', ' ')
        .trim();
      return { pid: Number(name), command, groups: readOrEmpty(join('/proc', name, 'cgroup')) };
    })
    .filter(({ command, groups }) => command.includes(home.root) || groups.includes(home.id))
    .map(({ pid, command }) => ({ pid, command }));
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process has ended meanwhile.
  }
}
