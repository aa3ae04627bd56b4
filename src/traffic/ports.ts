/** Is an address free, and who has it if not. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';

import type { Address } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';

/** `shared`: beside sockets that allow it, as HAProxy's do. Throws PORT_IN_USE, naming the process where /proc tells, or CONFIG_INVALID for an address that this machine doesn't have. */
export async function requireFree(address: Address, shared: boolean): Promise<void> {
  const code = await listenFailure(address, shared);
  if (code === null) return;
  const where = `${address.host}:${address.port}`;
  if (code === 'EADDRINUSE') throw await portInUse(address);
  if (code === 'EACCES') {
    throw new KilnError('NEEDS_ROOT', `only root may listen on ${where}`, {
      hint: 'choose a port from 1024, or run Kiln as root',
    });
  }
  throw new KilnError('CONFIG_INVALID', `this machine cannot listen on ${where} (${code})`, {
    hint: 'listen on an address of this machine, or on 0.0.0.0 for all of them',
  });
}

async function portInUse({ host, port }: Address): Promise<KilnError> {
  const holder = await holderOf(port);
  const who = holder === null ? 'another process listens there' : `${holder.name} (process ${holder.pid}) listens there`;
  return new KilnError('PORT_IN_USE', `the load balancer cannot listen on ${host}:${port}: ${who}`, {
    hint: 'stop that process, or give the service another `listen`',
  });
}

/** Tries, and lets go at once. Null: free. */
function listenFailure({ host, port }: Address, shared: boolean): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true, reusePort: shared }, () => server.close(() => resolve(null)));
  });
}

const LISTENING = '0A';

async function holderOf(port: number): Promise<{ readonly pid: number; readonly name: string } | null> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const cells = line.trim().split(/\s+/);
      if (cells[3] === LISTENING && Number.parseInt(cells[1]?.split(':')[1] ?? '', 16) === port)
        inodes.add(`socket:[${cells[9]}]`);
    }
  }
  if (inodes.size === 0) return null;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (!(await holds(pid, inodes))) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
    return { pid: Number(pid), name: name.trim() };
  }
  return null;
}

/** Processes that end meanwhile, or that aren't ours to look into, hold nothing that we could name. */
async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    if (inodes.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) return true;
  }
  return false;
}
