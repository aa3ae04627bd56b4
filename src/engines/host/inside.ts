/** The host engine's look into an instance: by /proc, and by a container beside it. */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { InstanceId } from '../../domain/ids.ts';
import { resolveInRoot } from '../../linux/rooted-path.ts';
import type { Ids, Inside } from '../inside.ts';
import { runBeside } from './command-probe.ts';
import { readPid } from './conmon.ts';
import type { Host } from './host.ts';
import { findUser } from './users.ts';

/** Null where no such instance runs. */
export async function insideOf(host: Host, id: InstanceId): Promise<Inside | null> {
  const record = host.instances.get(id)?.record;
  const pid = record === undefined ? null : await readPid(host.places.instance(id));
  if (record === undefined || pid === null) return null;
  const root = `/proc/${pid}/root`;
  return {
    ip: record.ip,
    processIds: () => idsOfProcess(pid),
    idsOf: (account) => findUser(root, account),
    file: async (path) => {
      const { found } = await resolveInRoot(root, path);
      if (found === null) return null;
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
      return { kind, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
    },
    read: (path, maxBytes) => readStart(root, path, maxBytes),
    runBeside: (command, signal) => runBeside(host, record, pid, command, signal),
  };
}

async function idsOfProcess(pid: number): Promise<Ids> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const effective = (name: string): number => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return { uid: effective('Uid'), gid: effective('Gid') };
}

/** Not blocking: a pipe that nobody writes to would wait for ever. */
async function readStart(root: string, path: string, maxBytes: number): Promise<Buffer | null> {
  const { path: real, found } = await resolveInRoot(root, path);
  if (!found?.isFile()) return null;
  const file = await open(join(root, real), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
