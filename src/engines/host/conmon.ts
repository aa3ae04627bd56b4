/**
 * conmon, the parent of each instance: it holds the log and waits for the exit code, so that both survive the daemon.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

import type { ContainerId } from '../../domain/ids.ts';
import type { OciRuntime } from '../../linux/oci-runtime.ts';
import { argumentsOf, sendSignal } from '../../linux/processes.ts';
import { readIfThere } from '../../platform/files.ts';
import type { Places } from './places.ts';
import type { ContainerRecord } from './record.ts';

const PID = 'pid';
const MONITOR_PID = 'monitor-pid';
/**
 * A log that has grown so many times over its size before it was rotated starts anew, and what was in it is lost: an
 * instance that floods its log costs its own lines, not everybody's disk.
 */
const FLOOD_FACTOR = 4;

/** Makes the container (created, not started) below a monitor that outlives us. Returns the id of its first process. */
export async function createMonitored(
  places: Places,
  runtime: OciRuntime,
  { id, release }: Pick<ContainerRecord, 'id' | 'release'>,
): Promise<number> {
  const bundle = places.instance(id);
  await mkdir(dirname(places.log(id)), { recursive: true });
  const args = [
    ['--api-version', '1'],
    ['--cid', id],
    ['--cuuid', id],
    ['--runtime', runtime.program],
    ['--runtime-arg', `--root=${runtime.root}`],
    ['--bundle', bundle],
    ['--container-pidfile', join(bundle, PID)],
    ['--conmon-pidfile', join(bundle, MONITOR_PID)],
    ['--exit-dir', places.exits],
    ['--socket-dir-path', places.sockets],
    ['--log-path', `k8s-file:${places.log(id)}`],
    ['--log-size-max', String(FLOOD_FACTOR * release.content.launch.logs.maxBytes)],
    ['--log-level', 'error'],
  ].flat();
  const child = spawn('conmon', args, {
    // Where it notes that memory ran out, of which the kernel's own counter says more.
    cwd: bundle,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], _OCI_SYNCPIPE: '3' },
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const [, , errors, sync] = child.stdio as unknown as readonly [null, null, Readable, Readable];
  const stderr = collect(errors);
  const line = await Promise.race([collect(sync), failed]);
  errors.destroy();
  return pidFrom(line, stderr);
}

/** conmon answers `{"data": PID}`, or `{"data": -1, "message": "…"}`; nothing at all when it failed itself. */
async function pidFrom(line: string, stderr: Promise<string>): Promise<number> {
  const answer = line === '' ? { data: -1, message: await stderr } : (JSON.parse(line) as { data: number; message?: string });
  if (answer.data > 0) return answer.data;
  throw new Error(answer.message?.trim() || 'conmon ended without a word');
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  try {
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.endsWith('}\n')) break;
    }
  } catch {
    // Closed by us.
  }
  return text;
}

/** The instance's first process, or null before it was made. May have ended: check it against its cgroup. */
export const readPid = (folder: string): Promise<number | null> => readNumber(join(folder, PID));

/** The monitor, if it still runs. */
export async function monitorOf(id: ContainerId, folder: string): Promise<number | null> {
  const pid = await readNumber(join(folder, MONITOR_PID));
  return pid !== null && isMonitor(pid, id) ? pid : null;
}

export function isMonitor(pid: number, id: string): boolean {
  const args = argumentsOf(pid);
  return (args[0] ?? '').endsWith('conmon') && args.includes(id);
}

export function stopMonitor(pid: number): void {
  sendSignal(pid, 'SIGKILL');
}

/** Null while it runs, or where the monitor could not tell. */
export async function readExitCode(places: Places, id: ContainerId): Promise<number | null> {
  const text = await readIfThere(join(places.exits, id));
  return text === null || text.trim() === '' ? null : Number(text);
}

/** Has the monitor open its log file anew, after a rotation. No monitor is success: nobody writes then. */
export async function reopenLog(folder: string): Promise<void> {
  try {
    const control = await open(join(folder, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      await control.writeFile('2 0 0\n');
    } finally {
      await control.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'ENXIO') throw error;
  }
}

async function readNumber(path: string): Promise<number | null> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
