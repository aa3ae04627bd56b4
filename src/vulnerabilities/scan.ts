/** From inventories and sources to vulnerabilities, each answer kept as long as neither changes. */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { sha256 } from '../platform/hash.ts';
import { cached } from '../sbom/cache.ts';
import type { Inventory, PackageType } from '../sbom/package.ts';
import { type Component, componentsOf } from './components.ts';
import { type Index, indexOf, keyOf, vulnerabilitiesOf, type Vulnerability } from './match.ts';
import { sourceFiles } from './sources/files.ts';
import { loadApart } from './sources/load-apart.ts';
import type { Loaded } from './sources/load.ts';

/** Moved with every change of what matching answers. */
const RULES_VERSION = 2;

export interface DatabaseFacts {
  readonly digest: Digest;
  /** Of its newest record, ms since the epoch. */
  readonly newest: number | null;
  readonly records: number;
  readonly unread: number;
  /** Types of packages that the data knows nothing of, for this image: they were not judged. */
  readonly unknown: readonly PackageType[];
}

export interface Scan {
  readonly database: DatabaseFacts;
  readonly vulnerabilities: readonly Vulnerability[];
}

export interface ScanOptions {
  /** Files and folders on this machine. */
  readonly sources: readonly string[];
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

/**
 * Of each inventory, in their order. The database is read once for all, and only where an inventory or the database has
 * changed since the last scan. Throws VULNERABILITY_DATA.
 */
export async function scanAll(
  inventories: readonly Inventory[],
  { sources, cacheFolder, signal }: ScanOptions,
): Promise<readonly Scan[]> {
  const files = (await Promise.all(sources.map(sourceFiles))).flat();
  const asked = inventories.map((inventory) => {
    const components = componentsOf(inventory);
    return { components, key: sha256(canonicalJson([RULES_VERSION, files, components])) };
  });
  const wanted = wantedBy(asked.flatMap(({ components }) => components));
  let database: Promise<Database> | null = null;
  const scans: Scan[] = [];
  for (const { key, components } of asked) {
    scans.push(
      await cached(join(cacheFolder, 'vulnerabilities'), key, async () => {
        database ??= loadApart(sources.join(', '), { files, wanted, name: null }, signal).then(databaseOf);
        return scanOf(components, await database);
      }),
    );
  }
  return scans;
}

/** Whether the database knows a vulnerability at all, whatever has it: a typing error has no hits, either. */
export async function isKnown(name: string, { sources, signal }: Omit<ScanOptions, 'cacheFolder'>): Promise<boolean> {
  const files = (await Promise.all(sources.map(sourceFiles))).flat();
  return (await loadApart(sources.join(', '), { files, wanted: new Set(), name }, signal)).isNamed;
}

interface Database {
  readonly loaded: Loaded;
  readonly index: Index;
}

const databaseOf = (loaded: Loaded): Database => ({ loaded, index: indexOf(loaded.affected) });

function scanOf(components: readonly Component[], { loaded, index }: Database): Scan {
  const { digest, newest, records, unread } = loaded;
  const database = { digest, newest, records, unread, unknown: unknownTypes(components, loaded) };
  return { database, vulnerabilities: vulnerabilitiesOf(components, index) };
}

function unknownTypes(components: readonly Component[], { ecosystems }: Loaded): readonly PackageType[] {
  const known = new Set(ecosystems);
  const unknown = components.filter((component) => !component.ecosystems.some((each) => known.has(each)));
  return [...new Set(unknown.map(({ type }) => type))];
}

const wantedBy = (components: readonly Component[]): ReadonlySet<string> =>
  new Set(components.flatMap(({ ecosystems, name }) => ecosystems.map((ecosystem) => keyOf(ecosystem, name))));
