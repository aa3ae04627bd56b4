/** Everything that is known of the vulnerabilities of one image, from the sources that a policy names. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import type { VulnerabilityPolicy } from '../domain/gate.ts';
import { KilnError } from '../errors/error.ts';
import type { Image, ImageStore } from '../oci/store.ts';
import type { Inventory } from '../sbom/package.ts';
import { componentsOf } from './components.ts';
import type { Vulnerability } from './match.ts';
import { type DatabaseFacts, type Scan, isKnown, scanAll } from './scan.ts';
import { type Scanner, SCANNERS, scanWith } from './scanners/run.ts';
import { dayOf, download, shownAddress } from './sources/download.ts';
import { sourceFiles } from './sources/files.ts';

export interface AssessOptions {
  readonly policy: VulnerabilityPolicy;
  /** Whose files are the sources where the policy names none. It need not be there. */
  readonly homeFolder: string;
  readonly cacheFolder: string;
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface AssessedImage {
  readonly store: ImageStore;
  readonly image: Image;
  readonly inventory: Inventory;
}

export interface Assessment {
  /** Null: a scanner brought its own. */
  readonly database: DatabaseFacts | null;
  readonly scanners: readonly Scanner[];
  /** What keeps it from being the whole truth: old data, packages that no source knows of. */
  readonly doubts: readonly string[];
  readonly vulnerabilities: readonly Vulnerability[];
}

/** Null: there is no source at all. Throws VULNERABILITY_DATA or REQUIREMENT_MISSING where one that is asked for can't be used. */
export async function assess(subject: AssessedImage, options: AssessOptions): Promise<Assessment | null> {
  return (await assessAll([subject], options))?.[0] ?? null;
}

/** The same of several images, in their order: whatever of the data they have in common is read once. */
export async function assessAll(
  subjects: readonly AssessedImage[],
  options: AssessOptions,
): Promise<readonly Assessment[] | null> {
  const sources = await sourcesOf(options);
  if (sources.length === 0) return null;
  const scanners = SCANNERS.filter((each) => sources.includes(each));
  const files: LocalSources[] = [];
  for (const { inventory } of subjects) files.push(await localSources(sources, inventory, options));
  const scans = await scansOf(subjects, files, options);
  return Promise.all(
    subjects.map(async (subject, index): Promise<Assessment> => {
      const scanned = scans[index] ?? null;
      if (scanned?.database.records === 0) throw emptyData(sources);
      const found = [...(scanned?.vulnerabilities ?? [])];
      for (const scanner of scanners) {
        const reported = await scanWith(scanner, { ...subject, signal: options.signal });
        found.push(...reported.filter((each) => !found.some((known) => isSame(known, each))));
      }
      const database = scanned?.database ?? null;
      const doubts = files[index]?.doubts ?? [];
      const own = scanners.length > 0 ? [] : doubtsOf(database, subject.inventory, options);
      return { database, scanners, doubts: [...doubts, ...own], vulnerabilities: found };
    }),
  );
}

/** Whether any source knows a vulnerability at all; scanners are not asked, and taken to know it. */
export async function isKnownTo(name: string, subjects: readonly AssessedImage[], options: AssessOptions): Promise<boolean> {
  const sources = await sourcesOf(options);
  if (SCANNERS.some((each) => sources.includes(each))) return true;
  const paths = new Set<string>();
  for (const { inventory } of subjects)
    for (const path of (await localSources(sources, inventory, options)).paths) paths.add(path);
  return isKnown(name, { sources: [...paths], signal: options.signal });
}

/** A scan for each subject; null where no file is a source. */
async function scansOf(
  subjects: readonly AssessedImage[],
  files: readonly LocalSources[],
  options: AssessOptions,
): Promise<readonly (Scan | null)[]> {
  const scans: (Scan | null)[] = subjects.map(() => null);
  const groups = Map.groupBy(subjects.keys(), (index) => JSON.stringify(files[index]?.paths ?? []));
  for (const indices of groups.values()) {
    const sources = files[indices[0] ?? 0]?.paths ?? [];
    if (sources.length === 0) continue;
    const inventories = indices.flatMap((index) => subjects[index]?.inventory ?? []);
    const answers = await scanAll(inventories, { ...options, sources });
    for (const [at, index] of indices.entries()) scans[index] = answers[at] ?? null;
  }
  return scans;
}

async function sourcesOf({ policy, homeFolder }: AssessOptions): Promise<readonly string[]> {
  if (policy.sources.length > 0) return policy.sources;
  const own = await sourceFiles(homeFolder).catch(() => []);
  if (own.length > 0) return [homeFolder];
  const installed = await Promise.all(SCANNERS.map(isInstalled));
  return SCANNERS.filter((_, index) => installed[index] === true).slice(0, 1);
}

async function isInstalled(program: Scanner): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const there = folders.map((folder) =>
    access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(there)).includes(true);
}

interface LocalSources {
  readonly paths: readonly string[];
  readonly doubts: readonly string[];
}

/** Addresses become files. One that ends with a slash is a mirror with an archive for each ecosystem, as OSV's own. */
async function localSources(sources: readonly string[], inventory: Inventory, options: AssessOptions): Promise<LocalSources> {
  const paths: string[] = [];
  const doubts: string[] = [];
  const folder = join(options.cacheFolder, 'vulnerabilities', 'downloads');
  for (const source of sources.filter((each) => !SCANNERS.some((scanner) => scanner === each))) {
    if (!URL.canParse(source)) {
      paths.push(source);
      continue;
    }
    const wanted = source.endsWith('/') ? ecosystemsIn(inventory).map((each) => `${source}${each}/all.zip`) : [source];
    const copies = await Promise.all(wanted.map((url) => download(url, { ...options, folder })));
    const had = copies.filter((copy) => copy !== null);
    if (wanted.length > 0 && had.length === 0) throw emptyData([shownAddress(source)]);
    paths.push(...had.map(({ path }) => path));
    doubts.push(...had.flatMap(({ stale }) => stale ?? []));
  }
  return { paths, doubts };
}

/** Without releases: a mirror's archive of a distribution holds all of them. */
const ecosystemsIn = (inventory: Inventory): readonly string[] =>
  [
    ...new Set(componentsOf(inventory).flatMap(({ ecosystems }) => ecosystems.map((each) => each.split(':')[0] ?? each))),
  ].toSorted();

function doubtsOf(database: DatabaseFacts | null, { packages }: Inventory, { policy, now }: AssessOptions): readonly string[] {
  if (database === null) return [];
  const { newest, unknown, unread } = database;
  const ageDays = newest === null ? null : Math.floor((now - newest) / 86_400_000);
  return [
    ...(newest !== null && ageDays !== null && now - newest > policy.maxAgeMs
      ? [`the data is ${ageDays} days old (its newest record is of ${dayOf(newest)})`]
      : []),
    ...unknown.map((type) => {
      const count = packages.filter((each) => each.type === type).length;
      return `the data says nothing of ${type} packages like the ${count} in the image`;
    }),
    ...(unread === 0 ? [] : [`${unread} entries of the data could not be read`]),
  ];
}

const isSame = (a: Vulnerability, b: Vulnerability): boolean =>
  (a.name === b.name || a.packages.some(({ name }) => name === b.name)) &&
  [a.id, ...a.aliases].some((id) => id === b.id || b.aliases.includes(id));

const emptyData = (sources: readonly string[]): KilnError =>
  new KilnError('VULNERABILITY_DATA', `there is not one vulnerability in ${sources.join(', ')}`, {
    hint: 'OSV records (.json, or .zip of them) or the JSON of Debian’s security tracker are wanted: check the paths and addresses',
  });
