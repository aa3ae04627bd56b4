/** Processes by what the kernel says of them. A bare id is never trusted: ids are used again. */
import { readFileSync } from 'node:fs';

/** The process runs and belongs to the cgroup of that name (its last part). Zombies belong to none. */
export function runsInCgroup(pid: number, cgroup: string): boolean {
  const text = readProc(pid, 'cgroup');
  return text.split('\n').some((line) => line.endsWith(`/${cgroup}`));
}

/** The command line, as its arguments; none where there is no such process. */
export function argumentsOf(pid: number): readonly string[] {
  return readProc(pid, 'cmdline')
    .split('\0')
    .filter((argument) => argument !== '');
}

/** Synchronous: the kernel answers from memory, in a tenth of the time that handing the call to another thread takes. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return ''; // Gone, or going.
  }
}

/** Gone already is success. */
export function sendSignal(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
