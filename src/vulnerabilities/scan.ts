/** From inventories and sources to vulnerabilities, each answer kept as long as neither changes. */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { sha256 } from '../platform/hash.ts';
import { cached } from '../sbom/cache.ts';
import type { Inventory, PackageType } from '../sbom/package.ts';
import { type Component, componentsOf } from './components.ts';
import { indexOf, keyOf, vulnerabilitiesOf, type Vulnerability } from './match.ts';
import { sourceFiles } from './sources/files.ts';
import { loadApart } from './sources/load-apart.ts';
import type { Loaded } from './sources/load.ts';

/** Moved with every change of what matching answers. */
const RULES_VERSION = 1;

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

/** Throws VULNERABILITY_DATA. The database is read only where an inventory or the database has changed since the last scan. */
export async function scan(inventory: Inventory, { sources, cacheFolder, signal }: ScanOptions): Promise<Scan> {
  const files = (await Promise.all(sources.map(sourceFiles))).flat();
  const components = componentsOf(inventory);
  const key = sha256(canonicalJson([RULES_VERSION, files, components]));
  return cached(join(cacheFolder, 'vulnerabilities'), key, async () => {
    const loaded = await loadApart(sources.join(', '), { files, wanted: wantedBy(components) }, signal);
    const { digest, newest, records, unread } = loaded;
    const database = { digest, newest, records, unread, unknown: unknownTypes(components, loaded) };
    return { database, vulnerabilities: found(components, loaded) };
  });
}

function unknownTypes(components: readonly Component[], { ecosystems }: Loaded): readonly PackageType[] {
  const known = new Set(ecosystems);
  const unknown = components.filter((component) => !component.ecosystems.some((each) => known.has(each)));
  return [...new Set(unknown.map(({ type }) => type))];
}

const found = (components: readonly Component[], { affected }: Loaded): readonly Vulnerability[] =>
  vulnerabilitiesOf(components, indexOf(affected));

const wantedBy = (components: readonly Component[]): ReadonlySet<string> =>
  new Set(components.flatMap(({ ecosystems, name }) => ecosystems.map((ecosystem) => keyOf(ecosystem, name))));
