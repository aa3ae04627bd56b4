/** A real etcd on this machine's loopback, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { poll } from '../../platform/poll.ts';

export interface TestEtcd extends AsyncDisposable {
  readonly address: string;
  put(key: string, value: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Old versions are gone then. */
  compact(): Promise<void>;
  /** From now on only these users are let in; `root` may do all. */
  protect(users: readonly TestUser[]): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface TestUser {
  readonly name: string;
  readonly password: string;
  /** What it may read. */
  readonly prefix: string;
}

const START_MS = 30_000;
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');

/** The first key after all that begin with the prefix. */
const endOf = (prefix: string): string => prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

export async function startEtcd(): Promise<TestEtcd> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-etcd-'));
  const [client, peer] = await Promise.all([freePort(), freePort()]);
  const address = `http://127.0.0.1:${client}`;
  let process: ReturnType<typeof spawn> | null = null;
  let token: string | null = null;

  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const headers = token === null ? {} : { authorization: token };
    const answer = await fetch(`${address}/v3/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status} to ${path}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const start = async (): Promise<void> => {
    const peers = `http://127.0.0.1:${peer}`;
    const args = ['--name', 'kiln', '--data-dir', folder, '--log-level', 'error', '--unsafe-no-fsync'];
    const urls = ['--listen-client-urls', address, '--advertise-client-urls', address];
    const cluster = ['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `kiln=${peers}`];
    process = spawn('etcd', [...args, ...urls, ...cluster], { stdio: 'ignore' });
    const isHealthy = async (): Promise<boolean> => {
      const answer = await fetch(`${address}/health`).catch(() => null);
      return answer !== null && ((await answer.json()) as { health?: string }).health === 'true';
    };
    if (!(await poll(isHealthy, { withinMs: START_MS, everyMs: 50 }))) throw new Error('etcd does not come up');
  };
  const stop = async (): Promise<void> => {
    const running = process;
    process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  const protect = async (users: readonly TestUser[]): Promise<void> => {
    await call('auth/user/add', { name: 'root', password: 'root' });
    await call('auth/role/add', { name: 'root' });
    await call('auth/user/grant', { user: 'root', role: 'root' });
    for (const { name, password, prefix } of users) {
      await call('auth/user/add', { name, password });
      await call('auth/role/add', { name });
      const perm = { permType: 'READ', key: base64(prefix), range_end: base64(endOf(prefix)) };
      await call('auth/role/grant', { name, perm });
      await call('auth/user/grant', { user: name, role: name });
    }
    await call('auth/enable', {});
    token = (await call('auth/authenticate', { name: 'root', password: 'root' }))['token'] as string;
  };
  await start();
  return {
    address,
    start,
    stop,
    protect,
    put: async (key, value) => void (await call('kv/put', { key: base64(key), value: base64(value) })),
    remove: async (key) => void (await call('kv/deleterange', { key: base64(key) })),
    async compact() {
      const { header } = (await call('kv/range', { key: base64('x') })) as { header: { revision: string } };
      await call('kv/compaction', { revision: header.revision, physical: true });
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
