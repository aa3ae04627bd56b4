/** What of this machine HAProxy's configuration depends on, and what it lacks. */
import { readFile } from 'node:fs/promises';

import type { Problem } from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import { readIfThere } from '../platform/files.ts';
import type { Machine } from './config.ts';
import { pathsTooLong, type TrafficPaths } from './paths.ts';
import { haproxyHasLua, haproxyVersion } from './process.ts';

const ACCOUNT = 'haproxy';
/** Beyond this, memory for idle tables costs more than one machine's instances could serve. */
const MOST_CONNECTIONS = 20_000;
/** A connection takes a descriptor on each side; health checks, listeners and maps take some more. */
const DESCRIPTORS_PER_CONNECTION = 2.2;
const OTHER_DESCRIPTORS = 600;
/** add server, prepare map and del server for all servers came with 2.6. */
const LEAST_VERSION = [2, 6] as const;

export async function inspectMachine(): Promise<Machine> {
  const root = process.getuid?.() === 0;
  const accounts = root ? ((await readIfThere('/etc/passwd')) ?? '') : '';
  const hasAccount = accounts.split('\n').some((line) => line.startsWith(`${ACCOUNT}:`));
  return { account: hasAccount ? ACCOUNT : null, maxConnections: connectionsFor(await openFilesLimit()) };
}

export function connectionsFor(openFiles: number): number {
  const affordable = Math.floor((openFiles - OTHER_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION);
  return Math.max(100, Math.min(MOST_CONNECTIONS, affordable));
}

/** The hard limit: HAProxy raises its soft limit up to it by itself, which needs no privilege. */
async function openFilesLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(hard);
}

const HAPROXY = { name: 'HAProxy 2.6 or newer', fix: 'apt-get install haproxy' };
const LUA = { name: 'HAProxy with Lua', fix: 'apt-get install haproxy, which has it' };

export const BALANCER_CONDITIONS = [HAPROXY, LUA] as const;

export async function machineProblems(paths: TrafficPaths): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  try {
    const version = await haproxyVersion();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1])) {
      problems.push({
        what: `HAProxy ${version} is too old`,
        hint: `install HAProxy 2.6 or newer: ${HAPROXY.fix}`,
        fatal: true,
        requirement: HAPROXY.name,
      });
    }
    if (!(await haproxyHasLua())) {
      const what = 'HAProxy is built without Lua: no canary can be given copies of requests (`mirror`)';
      problems.push({ what, hint: LUA.fix, fatal: false, requirement: LUA.name });
    }
  } catch (error) {
    const what = `HAProxy cannot be run: ${messageOf(error)}`;
    problems.push({ what, hint: HAPROXY.fix, fatal: true, requirement: HAPROXY.name });
    problems.push({ what: 'without HAProxy there is no Lua in it', hint: LUA.fix, fatal: false, requirement: LUA.name });
  }
  if (pathsTooLong(paths)) {
    problems.push({
      what: `the path ${paths.run} is too long for Unix sockets`,
      hint: 'choose a shorter KILN_HOME',
      fatal: true,
    });
  }
  if (!/^[\w./@:+-]+$/.test(paths.maps)) {
    problems.push({
      what: `HAProxy cannot read ${paths.maps}`,
      hint: 'choose a KILN_HOME without spaces and commas',
      fatal: true,
    });
  }
  return problems;
}
