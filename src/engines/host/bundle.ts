/** An instance's OCI bundle: its configuration, and the files that launch lays into it. */
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { environmentOf, fleetOf, groupOf, isName, serviceOf, type ContainerId } from '../../domain/ids.ts';
import type { LaunchValues } from '../../domain/reference.ts';
import type { Release, Volume } from '../../domain/release.ts';
import { KilnError } from '../../errors/error.ts';
import type { Cgroups } from '../../linux/cgroups.ts';
import { resolveInRoot } from '../../linux/rooted-path.ts';
import { runtimeConfig, type RuntimeMount, type RuntimeOptions, type RuntimeProcess } from '../../linux/runtime-config.ts';
import type { ImageConfig } from '../../oci/store.ts';
import type { Home } from '../../platform/home.ts';
import type { Place } from './roots.ts';
import { findUser, type User } from './users.ts';

/** What container images expect where they say nothing. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A name's longest part in DNS. */
const HOSTNAME_LENGTH = 63;

export interface BundleInput {
  readonly home: Home;
  readonly id: ContainerId;
  readonly release: Release;
  readonly values: LaunchValues;
  readonly image: ImageConfig;
  readonly root: string;
  readonly ip: string;
  readonly folder: string;
  readonly cgroup: string;
  readonly cgroups: Cgroups;
}

/** Everything that will be mounted over the image. Throws LAUNCH_FAILED for a place that can't be. */
export function placesIn(release: Release, image: ImageConfig): readonly Place[] {
  const { volumes, scratch, references = [] } = release.content.launch;
  const files = [...release.content.launch.files, ...references.flatMap(({ to }) => (to.kind === 'file' ? [to] : []))];
  for (const { path } of [...files, ...volumes, ...scratch]) if (!mayHold(path)) throw kernelPlace(path);
  return [
    ...all('folder', ['/proc', '/sys', '/dev', workdirOf(image), ...pathsOf(volumes)]),
    ...all('scratch', pathsOf(scratch)),
    ...all('file', [...Object.keys(SYSTEM_FILES), ...pathsOf(files)]),
  ];
}

const all = (kind: Place['kind'], paths: readonly string[]): readonly Place[] => paths.map((path) => ({ path, kind }));
const pathsOf = (mounted: readonly { readonly path: string }[]): readonly string[] => mounted.map(({ path }) => path);

const mayHold = (path: string): boolean =>
  /^\/[^/]/.test(path) && !/^\/(?:proc|sys)(?:\/|$)/.test(path) && !path.split('/').includes('..');

/** Writes `config.json` and what it names into the instance's folder, and makes the volumes that aren't there yet. */
export async function writeBundle(input: BundleInput): Promise<RuntimeOptions> {
  const { release, values, image, root, folder } = input;
  const user = await findUser(root, release.content.launch.user ?? image.config.User ?? '');
  const options: RuntimeOptions = {
    root,
    rootWritable: false,
    process: processOf(release, values, image, user),
    hostname: hostnameOf(input.id),
    capabilities: release.content.launch.capabilities,
    mayGainPrivileges: false,
    network: 'own',
    mounts: await mountsOf(input, user),
    limits: release.content.launch.limits,
    cgroup: `/${input.cgroup}`,
    cgroups: input.cgroups,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(runtimeConfig(options)), { mode: 0o600 });
  return options;
}

const workdirOf = (image: ImageConfig): string => image.config.WorkingDir || '/';

function processOf(release: Release, values: LaunchValues, image: ImageConfig, user: User): RuntimeProcess {
  const { launch } = release.content;
  const args = launch.command ?? [...(image.config.Entrypoint ?? []), ...(image.config.Cmd ?? [])];
  if (args.length === 0) {
    throw new KilnError('LAUNCH_FAILED', 'neither the image nor kiln.yaml says what to start', {
      hint: 'give the image an `entrypoint:` and bake it again, or set `command:` under `run:`',
    });
  }
  const fromImage = Object.fromEntries((image.config.Env ?? []).map(splitVariable));
  const env = { PATH, HOME: user.home, ...fromImage, ...launch.env, ...values.env };
  return { args, env, cwd: workdirOf(image), uid: user.uid, gid: user.gid, groups: user.groups };
}

function splitVariable(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const hostnameOf = (id: ContainerId): string => id.replaceAll('.', '-').slice(-HOSTNAME_LENGTH).replace(/^-+/, '');

/** Parents before what lies in them, at the places where the image's links lead. */
async function mountsOf(input: BundleInput, user: User): Promise<readonly RuntimeMount[]> {
  const { launch } = input.release.content;
  const scratch = launch.scratch.map(({ path, sizeBytes }): RuntimeMount => ({ kind: 'tmpfs', path, sizeBytes }));
  const volumes = await Promise.all(launch.volumes.map((volume) => volumeMount(input, volume, user)));
  const files = [...(await systemFiles(input)), ...(await launchFiles(input, user))];
  const resolved = await Promise.all(
    [...scratch, ...volumes, ...files].map(async (mount) => ({
      ...mount,
      path: (await resolveInRoot(input.root, mount.path)).path,
    })),
  );
  return resolved.toSorted((a, b) => depth(a.path) - depth(b.path));
}

const depth = (path: string): number => path.split('/').length;

async function volumeMount(input: BundleInput, volume: Volume, user: User): Promise<RuntimeMount> {
  if (!isName(volume.name)) {
    throw new KilnError('PATH_ESCAPES', `"${volume.name}" is no name for a volume`, {
      hint: 'use a lower-case letter, then letters, digits and hyphens',
    });
  }
  const fleet = fleetOf(groupOf(input.id));
  const folder = join(input.home.volumes, serviceOf(fleet), environmentOf(fleet), volume.name);
  const made = await mkdir(folder, { recursive: true });
  // Only a new volume gets an owner: what is in an old one is the service's own business.
  if (made !== undefined) {
    await chown(folder, user.uid, user.gid);
    await chmod(folder, 0o755);
  }
  return { kind: 'bind', from: folder, path: volume.path, writable: true };
}

/** What every instance needs of the machine it runs on. */
const SYSTEM_FILES: Readonly<Record<string, (input: BundleInput) => Promise<string>>> = {
  '/etc/hostname': async ({ id }) => `${hostnameOf(id)}\n`,
  '/etc/hosts': async ({ id, ip }) => `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${ip} ${hostnameOf(id)}\n`,
  '/etc/resolv.conf': readResolvers,
};

/** A resolver on the machine's own loopback is out of an instance's reach: then the ones behind it, as systemd-resolved lists them. */
async function readResolvers(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  if (!/^nameserver\s+(?:127\.|::1)/m.test(text)) return text;
  return readFile('/run/systemd/resolve/resolv.conf', 'utf8').catch(() => text);
}

function systemFiles(input: BundleInput): Promise<readonly RuntimeMount[]> {
  return Promise.all(
    Object.entries(SYSTEM_FILES).map(async ([path, content]) => {
      const from = await writeMounted(input.folder, path.replaceAll('/', '_'), await content(input));
      await chmod(from, 0o644);
      return { kind: 'bind' as const, from, path, writable: false };
    }),
  );
}

function launchFiles(input: BundleInput, user: User): Promise<readonly RuntimeMount[]> {
  return Promise.all(
    [...input.release.content.launch.files, ...input.values.files].map(async ({ path, content, mode }, index) => {
      const from = await writeMounted(input.folder, String(index), content);
      await chown(from, user.uid, user.gid);
      await chmod(from, mode & 0o777);
      return { kind: 'bind' as const, from, path, writable: false };
    }),
  );
}

async function writeMounted(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  const files = join(folder, 'files');
  await mkdir(files, { recursive: true });
  await writeFile(join(files, name), content, { mode: 0o600 });
  return join(files, name);
}

const kernelPlace = (path: string): KilnError =>
  new KilnError('LAUNCH_FAILED', `nothing can be laid over ${path}`, {
    hint: 'give an absolute path below / that is not in /proc or /sys',
  });
