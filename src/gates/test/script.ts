/** A test of the recipe's own: a program run on this machine against the instance. */
import { spawn } from 'node:child_process';
import { lstat, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import type { Surroundings } from './surroundings.ts';

/** So much of its output is kept, for its last line. */
const KEPT_BYTES = 16 << 10;

/**
 * It runs as the owner of the recipe's folder, whoever the daemon is, in a process group that is killed at the deadline; and
 * with the daemon, should that be killed. Its environment is the instance's address and nothing of the daemon's.
 */
export async function scriptProblem(path: string, { inside, port, folder, signal }: Surroundings): Promise<string | null> {
  const program = await within(folder, path);
  if (((await stat(program)).mode & 0o111) === 0) return 'it can not be executed: chmod +x';
  const { uid, gid } = await lstat(folder);
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/nonexistent',
    KILN_TEST_HOST: inside.ip,
    ...(port === null ? {} : { KILN_TEST_PORT: String(port), KILN_TEST_URL: `http://${inside.ip}:${port}` }),
  };
  const args = [...WITH_ALL_IT_STARTS, ...asOwner(uid, gid), program];
  const { code, said } = await runGroup('setpriv', args, { cwd: folder, env, signal });
  if (code === 0) return null;
  return `it ended with ${code ?? 'a signal'}${said === '' ? '' : `: ${said}`}`;
}

/** A process namespace of its own ends with its first process, and that with the daemon. */
const WITH_ALL_IT_STARTS = ['--pdeathsig', 'KILL', '--', 'unshare', '--pid', '--fork', '--kill-child', '--'];

/** A change of the user forgets the signal that was asked for, hence once more. */
const asOwner = (uid: number, gid: number): readonly string[] =>
  `setpriv --reuid ${uid} --regid ${gid} --clear-groups --no-new-privs --pdeathsig KILL --`.split(' ');

/** Links may not lead out: what is in the folder is what was reviewed. */
async function within(folder: string, path: string): Promise<string> {
  const [root, program] = [await realpath(folder), await realpath(join(folder, path)).catch(() => null)];
  if (program?.startsWith(root + sep) === true) return program;
  throw new KilnError('FILE_UNREADABLE', `${path} is not a program in the folder of kiln.yaml`, { hint: 'name one that is' });
}

interface GroupOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** With all that it starts: a process that stays behind when the script has ended goes, too. */
function runGroup(
  command: string,
  args: readonly string[],
  { cwd, env, signal }: GroupOptions,
): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => void (output = (output + chunk.toString('utf8')).slice(-KEPT_BYTES));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = (): void => killGroup(child.pid);
    signal.addEventListener('abort', kill, { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      signal.removeEventListener('abort', kill);
      kill();
      if (signal.aborted) reject(signal.reason as Error);
      else resolve({ code, said: (output.trim().split('\n').at(-1) ?? '').slice(0, 200) });
    });
    if (signal.aborted) kill();
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}
