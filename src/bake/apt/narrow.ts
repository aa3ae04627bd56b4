/**
 * An update of a locked set that is about some of its packages: these move, and what is new may come with them; all others
 * stay at what is locked, although the mirrors have newer ones. apt decides, from a repository that holds just these.
 */
import { join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import type { Home } from '../../platform/home.ts';
import type { LockedPackage } from '../lock-content.ts';
import { makeFolder, withWorkFolder } from '../work-folder.ts';
import { ensureDebs } from './deb-store.ts';
import { makeRepository } from './repository.ts';
import { resolvePackages, type PackageQuery } from './resolve.ts';

export interface Update {
  /** Names of the packages that it is about. */
  readonly only: ReadonlySet<string>;
  readonly locked: readonly LockedPackage[];
  /** What all of the set would come to. */
  readonly fresh: readonly LockedPackage[];
}

/** `fresh` where a locked version can't be had any more, or does not go with the new ones. Sorted by name. */
export async function narrowed(
  home: Home,
  query: PackageQuery,
  { only, locked, fresh }: Update,
  signal: AbortSignal,
): Promise<readonly LockedPackage[]> {
  const names = new Set(locked.map(({ name }) => name));
  if (!locked.some(({ name }) => only.has(name))) return locked;
  // What is new in the set is offered, and comes only if something needs it.
  const offered = [
    ...locked.filter(({ name }) => !only.has(name)),
    ...fresh.filter(({ name }) => only.has(name) || !names.has(name)),
  ];
  try {
    await ensureDebs(home, offered, async () => query.sources, signal);
    return await withWorkFolder(home, (work) => chosen(home, work, query, offered, signal));
  } catch (error) {
    if (signal.aborted || !(error instanceof KilnError)) throw error;
    return fresh;
  }
}

async function chosen(
  home: Home,
  work: string,
  query: PackageQuery,
  offered: readonly LockedPackage[],
  signal: AbortSignal,
): Promise<readonly LockedPackage[]> {
  const repository = await makeFolder(join(work, 'offered'));
  await makeRepository(home, repository, query, offered);
  const source = { uri: `copy:${repository}`, suite: query.suite, components: ['main'], signedBy: null, trusted: true };
  const found = await resolvePackages({ ...home, bake: work }, { ...query, sources: [source] }, signal);
  const known = new Map(offered.map((item) => [item.sha256, item]));
  return found.flatMap(({ sha256 }) => known.get(sha256) ?? []);
}
