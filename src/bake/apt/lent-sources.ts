/**
 * Debian's archive for commands that install packages themselves (`apt-get install`). An image of Kiln's names no mirror, so a
 * command finds the machine's while it runs, from files that no layer sees.
 */
import { chmod, lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import type { RuntimeMount } from '../../linux/runtime-config.ts';
import { exec } from '../../platform/exec.ts';
import { CERTIFICATES, machineBundle } from '../build-environment.ts';
import type { Surroundings } from '../contract.ts';
import { debianSuite } from '../package-set.ts';
import { resolveInRoot } from '../root-path.ts';
import { makeFolder } from '../work-folder.ts';
import { debianSources, parseSources, type AptSource } from './sources.ts';

export interface LentSources {
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly RuntimeMount[];
}

export const NO_SOURCES: LentSources = { env: {}, mounts: [] };
const INSIDE = '/run/kiln/apt';

export interface AptRoot {
  /** The root that the command sees. */
  readonly merged: string;
  /** For files of this one command. */
  readonly work: string;
  readonly surroundings: Surroundings;
}

/** None for a root that is no Debian, that names Debian's archive itself, or for which this machine has none. */
export async function lentSources(
  { merged, work, surroundings }: AptRoot,
  snapshot: string | null,
  signal: AbortSignal,
): Promise<LentSources> {
  const suite = await debianSuite(merged);
  if (suite === null) return NO_SOURCES;
  const own = await ownSources(merged);
  if (own.some(({ sources }) => sources.some((source) => source.suite.split('-')[0] === suite))) return NO_SOURCES;
  const lent = await machineSources(suite, snapshot);
  if (lent.length === 0) return NO_SOURCES;
  const folder = await makeFolder(join(work, 'apt'));
  const lines = (await withKeys(folder, lent)).map(lineOf);
  // apt reads one such file; what the root has in it goes on counting.
  const main = own.find(({ isMain }) => isMain)?.text ?? '';
  await writeReadable(join(folder, 'sources.list'), `${main}\n${lines.join('\n')}\n`);
  await writeReadable(join(folder, 'apt.conf'), await settings(surroundings, signal));
  return {
    env: { APT_CONFIG: `${INSIDE}/apt.conf` },
    mounts: [{ kind: 'bind', from: folder, path: INSIDE, writable: false }],
  };
}

/** apt downloads as a user of its own, whatever the umask is here. */
async function writeReadable(path: string, content: string | Buffer): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o644);
}

async function machineSources(suite: string, snapshot: string | null): Promise<readonly AptSource[]> {
  try {
    return await debianSources(suite, snapshot);
  } catch (error) {
    if (error instanceof KilnError && error.code === 'BASE_UNAVAILABLE') return [];
    throw error;
  }
}

interface OwnSources {
  readonly isMain: boolean;
  readonly text: string;
  readonly sources: readonly AptSource[];
}

async function ownSources(root: string): Promise<readonly OwnSources[]> {
  const parts = await readdir(await resolveInRoot(root, '/etc/apt/sources.list.d')).catch(() => []);
  const paths = ['/etc/apt/sources.list', ...parts.map((name) => `/etc/apt/sources.list.d/${name}`)];
  const read = paths.map(async (path, index): Promise<readonly OwnSources[]> => {
    const host = await resolveInRoot(root, path, true);
    if ((await lstat(host).catch(() => null))?.isFile() !== true) return [];
    const text = await readFile(host, 'utf8');
    return [{ isMain: index === 0, text, sources: parseSources(basename(path), text) }];
  });
  return (await Promise.all(read)).flat();
}

/** sources.list(5), in one line. */
function lineOf({ uri, suite, components, signedBy }: AptSource): string {
  const options = signedBy === null ? '' : `[signed-by=${signedBy}] `;
  return `deb ${options}${uri} ${suite} ${components.join(' ')}`;
}

/** Their key rings in the folder, too: what the root has for keys says nothing of this machine's mirrors. */
async function withKeys(folder: string, sources: readonly AptSource[]): Promise<readonly AptSource[]> {
  const rings = [...new Set(sources.flatMap(({ signedBy }) => signedBy ?? []))];
  for (const [index, path] of rings.entries()) {
    await writeReadable(join(folder, `${index}${extname(path)}`), await readFile(path));
  }
  return sources.map((source) => {
    const { signedBy } = source;
    return signedBy === null ? source : { ...source, signedBy: `${INSIDE}/${rings.indexOf(signedBy)}${extname(signedBy)}` };
  });
}

/** What the machine's apt is told of the way to its mirrors, and where the sources are. */
async function settings({ mounts }: Surroundings, signal: AbortSignal): Promise<string> {
  const dump = await exec('apt-config', ['dump', 'Acquire::http::Proxy', 'Acquire::https::Proxy'], { signal }).catch(() => null);
  const own = (dump?.code === 0 ? dump.stdout : '').split('\n').filter((line) => /^Acquire::https?::Proxy/.test(line));
  const bundle = (await machineBundle()) === null ? [] : [`Acquire::https::CaInfo "${CERTIFICATES}";`];
  // Surroundings of its own may have another day, on which an archive of today has long expired.
  const day = mounts.length === 0 ? [] : ['Acquire::Check-Valid-Until "false";', 'Acquire::Check-Date "false";'];
  return [`Dir::Etc::SourceList "${INSIDE}/sources.list";`, ...bundle, ...day, ...own, ''].join('\n');
}
