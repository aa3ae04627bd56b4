import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { run } from '../platform/exec.ts';
import { kilnHome } from '../platform/home.ts';
import { connect, disconnect, ensureBridge, removeBridge } from './network.ts';

const NEEDS = requires('root', 'ip', 'nft', 'unshare', 'nsenter');
const root = mkdtempSync(join(tmpdir(), 'kiln-net-'));
const home = kilnHome({ ...process.env, KILN_HOME: root }, 0);
const processes: ChildProcess[] = [];

/** A process in a network namespace of its own, as an instance is before it starts. */
async function stranger(): Promise<number> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo there; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

const within = (pid: number, ...command: readonly string[]): Promise<string> =>
  run('nsenter', [`--net=/proc/${pid}/ns/net`, ...command]);
const hardware = (name: string): string => readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();

before(async () => {
  if (NEEDS.skip === false) await ensureBridge(home);
});

after(async () => {
  if (NEEDS.skip === false) {
    for (const child of processes) child.kill('SIGKILL');
    await removeBridge(home);
  }
  rmSync(root, { recursive: true });
});

test('the bridge keeps its hardware address while instances come and go', NEEDS, async () => {
  const bridge = await ensureBridge(home);
  const own = hardware(bridge.name);
  const pids = [await stranger(), await stranger(), await stranger(), await stranger()];
  for (const [index, pid] of pids.entries()) await connect(bridge, index + 2, pid);
  assert.equal(hardware(bridge.name), own);
  // Of four random addresses one is lower than the bridge's, or the others': each of them leaves once.
  for (const index of pids.keys()) {
    await disconnect(bridge, index + 2);
    assert.equal(hardware(bridge.name), own);
  }
});

test('who gets an IP address that another had has the hardware address, too: nobody has to learn anew', NEEDS, async () => {
  const bridge = await ensureBridge(home);
  const seen: string[] = [];
  for (const pid of [await stranger(), await stranger()]) {
    await connect(bridge, 9, pid);
    seen.push(/link\/ether (\S+)/.exec(await within(pid, 'ip', 'link', 'show', 'eth0'))?.[1] ?? '');
    await disconnect(bridge, 9);
  }
  assert.match(seen[0] ?? '', /^02:/);
  assert.equal(seen[0], seen[1]);
});
