/** Others that build images from a Dockerfile, each in a storage of its own, for measuring beside Kiln. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { poll } from '../src/platform/poll.ts';
import { runProgram, type Told } from './site.ts';

export interface Builder {
  readonly name: string;
  build(folder: string): Promise<Told>;
  close(): Promise<void>;
}

/** What the Dockerfiles build on, in each builder's storage. */
export const BASE = 'localhost/bench-base:1';

async function must(program: string, args: readonly string[], options: Parameters<typeof runProgram>[2] = {}): Promise<Told> {
  const told = await runProgram(program, args, options);
  if (told.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${told.stderr.slice(-2000)}`);
  return told;
}

/** `layout`: `oci:FOLDER:TAG` of the base. */
export async function openBuildah(root: string, layout: string): Promise<Builder> {
  const [storage, run] = [join(root, 'buildah'), join(root, 'buildah-run')];
  await must('skopeo', ['copy', '-q', layout, `containers-storage:[overlay@${storage}+${run}]${BASE}`]);
  const options = ['--root', storage, '--runroot', run, '--storage-driver', 'overlay'];
  return {
    name: 'buildah bud --layers',
    build: (cwd) => must('buildah', [...options, 'bud', '--layers', '--isolation', 'chroot', '-t', 'bench', '.'], { cwd }),
    close: async () => void (await must('buildah', [...options, 'rmi', '--all', '--force'])),
  };
}

/** The BuildKit that is in Debian's dockerd, which gets a daemon, a socket and a storage of its own and touches no network settings. */
export async function openBuildKit(root: string, layout: string): Promise<Builder> {
  const folder = join(root, 'dockerd');
  await mkdir(folder, { recursive: true });
  const socket = `unix://${join(folder, 'sock')}`;
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
  const none = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
  const daemon = spawn('dockerd', [...places, ...none, '-H', socket, '--log-level', 'error'], { stdio: 'ignore' });
  const ended = once(daemon, 'exit');
  // Debian's own client: a newer one may want a plugin for BuildKit.
  const docker = (args: readonly string[], cwd?: string): Promise<Told> =>
    must('/usr/bin/docker', ['-H', socket, ...args], {
      env: { ...process.env, DOCKER_BUILDKIT: '1' },
      ...(cwd === undefined ? {} : { cwd }),
    });
  const isUp = async (): Promise<boolean> => (await runProgram('/usr/bin/docker', ['-H', socket, 'info'])).code === 0;
  if (!(await poll(isUp, { withinMs: 60_000, everyMs: 100 }))) throw new Error('dockerd does not come up');
  const archive = join(folder, 'base.tar');
  await must('skopeo', ['copy', '-q', layout, `docker-archive:${archive}:${BASE}`]);
  await docker(['load', '-q', '-i', archive]);
  await rm(archive);
  return {
    name: 'docker build (BuildKit)',
    build: (cwd) => docker(['build', '-q', '--network', 'host', '-t', 'bench', '.'], cwd),
    async close() {
      daemon.kill('SIGTERM');
      await ended;
    },
  };
}
