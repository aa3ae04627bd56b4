/**
 * The packages of a stage, through kiln.lock: what is locked is used without asking anyone; what is not is asked of the
 * machine's mirrors, for the root that the packages come into.
 */
import { readFile } from 'node:fs/promises';

import { KilnError } from '../errors/error.ts';
import type { Layer } from '../oci/store.ts';
import { narrowed } from './apt/narrow.ts';
import { minbase, resolvePackages, type PackageQuery } from './apt/resolve.ts';
import { debianSources, type AptSource } from './apt/sources.ts';
import type { BakeDeps } from './contract.ts';
import type { LockedPackage } from './lock-content.ts';
import type { AskPackages, Lock } from './lock.ts';
import { mountLayers } from './mounted-root.ts';
import { resolveInRoot } from './root-path.ts';
import type { Session } from './session.ts';
import type { DebianSet } from './steps/debian.ts';
import { withWorkFolder } from './work-folder.ts';

/** Debian's and OCI's names agree for these. */
export const architecture = (): string => ({ x64: 'amd64', arm64: 'arm64' })[process.arch as string] ?? process.arch;

export const debianName = (suite: string, snapshot: string | null): string =>
  `debian:${suite}${snapshot === null ? '' : `@${snapshot}`}`;

export interface SetContext {
  readonly lock: Lock;
  readonly session: Session;
  readonly deps: BakeDeps;
}

/** What asking the mirrors is called among the steps; it is one only where something is not locked. */
const asked =
  (set: string, { session }: SetContext, resolve: AskPackages): AskPackages =>
  (locked) =>
    session.timed(`lock ${set}`, async () => ({ value: await resolve(locked), cached: false }));

/** Everything anew, or what the update is about. */
async function resolved(
  query: PackageQuery,
  locked: readonly LockedPackage[] | null,
  { lock: { only }, deps: { home, signal } }: SetContext,
): Promise<readonly LockedPackage[]> {
  const fresh = await resolvePackages(home, query, signal);
  return only === null || locked === null ? fresh : narrowed(home, query, { only, locked, fresh }, signal);
}

export async function debianSet(suite: string, snapshot: string | null, context: SetContext): Promise<DebianSet> {
  const { lock } = context;
  const arch = architecture();
  const sources = (): Promise<readonly AptSource[]> => debianSources(suite, snapshot);
  const name = `${debianName(suite, snapshot)} ${arch}`;
  const resolve: AskPackages = async (locked) => {
    const query = { suite, architecture: arch, sources: await sources(), status: null, wanted: minbase(suite) };
    return resolved(query, locked, context);
  };
  const packages = await lock.packages(name, asked(name, context, resolve));
  return { suite, architecture: arch, packages, sources };
}

export interface AddedPackages {
  readonly wanted: readonly string[];
  /** What the root below is called in the lock: `debian:bookworm`, or a base and its packages. */
  readonly onto: string;
  readonly below: readonly Layer[];
  readonly snapshot: string | null;
}

/** The suite is a label of the repository that they are installed from; the real one is asked of the root only if needed. */
export async function addedSet(added: AddedPackages, context: SetContext): Promise<DebianSet> {
  const { lock, deps } = context;
  const arch = architecture();
  const name = `${addedName(added.onto, added.wanted)} ${arch}`;
  const resolve: AskPackages = (locked) =>
    inRoot(added, deps, async (suite, root) => {
      const status = await resolveInRoot(root, '/var/lib/dpkg/status');
      const sources = await debianSources(suite, added.snapshot);
      const { wanted } = added;
      return resolved({ suite, architecture: arch, sources, status, wanted }, locked, context);
    });
  const packages = await lock.packages(name, asked(name, context, resolve));
  const sources = (): Promise<readonly AptSource[]> => inRoot(added, deps, (suite) => debianSources(suite, added.snapshot));
  return { suite: 'locked', architecture: arch, packages, sources };
}

export const addedName = (onto: string, wanted: readonly string[]): string => `${onto} + ${wanted.toSorted().join(' ')}`;

function inRoot<T>(added: AddedPackages, deps: BakeDeps, use: (suite: string, root: string) => Promise<T>): Promise<T> {
  return withWorkFolder(deps.home, async (work) => {
    const root = await mountLayers(deps.layers, added.below, work, 'root');
    return use(await suiteOf(root, added.onto), root);
  });
}

/** Null: the root is no Debian system. */
export async function debianSuite(root: string): Promise<string | null> {
  const release = await readFile(await resolveInRoot(root, '/etc/os-release'), 'utf8').catch(() => '');
  const suite = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1];
  return suite !== undefined && /^ID=debian$/m.test(release) ? suite : null;
}

async function suiteOf(root: string, name: string): Promise<string> {
  const suite = await debianSuite(root);
  if (suite !== null) return suite;
  throw new KilnError('BAKE_STEP_FAILED', `packages can't be put onto ${name}: it is not a Debian system`, {
    hint: 'start from a Debian base, or install with a run step of that system',
  });
}
