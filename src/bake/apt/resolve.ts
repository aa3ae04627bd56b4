/**
 * Asks apt which packages a set means today: names in, versions with hashes out. Works in a state folder of its own under
 * home.bake/apt, with the machine's network settings and keys, and installs nothing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import { exec, type ExecResult } from '../../platform/exec.ts';
import { sha256 } from '../../platform/hash.ts';
import type { Home } from '../../platform/home.ts';
import type { LockedPackage } from '../lock-content.ts';
import { inTurn } from '../turns.ts';
import { formatSources, type AptSource } from './sources.ts';

export interface PackageQuery {
  readonly suite: string;
  readonly architecture: string;
  readonly sources: readonly AptSource[];
  /** dpkg's status file of the root that they come into; null: an empty root. */
  readonly status: string | null;
  /** Names, `name=version`, or apt patterns. */
  readonly wanted: readonly string[];
}

/** What mmdebstrap calls minbase: essential and required packages, and apt. */
export const minbase = (suite: string): readonly string[] => {
  const inSuite = (what: string): string => `?narrow(?or(?codename(^${suite}$),?archive(^${suite}$)),${what})`;
  return [inSuite('?essential'), inSuite('?priority(required)'), 'apt'];
};

/** Sorted by name. BASE_UNAVAILABLE where the mirrors don't answer, BAKE_STEP_FAILED where they have no such package. */
export function resolvePackages(home: Home, query: PackageQuery, signal: AbortSignal): Promise<readonly LockedPackage[]> {
  // apt locks its lists and gives up when it doesn't get the lock, so bakes of one home wait for each other.
  return inTurn(`apt ${home.root}`, () => askApt(home, query, signal));
}

export interface NewerPackage {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/**
 * What the mirrors have in newer versions than a root has, whose dpkg's status file that is. Sorted by name. `ask`: the
 * mirrors anew, and not only what they said when they were asked last.
 */
export function newerThan(
  home: Home,
  query: Omit<PackageQuery, 'wanted'> & { readonly ask: boolean },
  signal: AbortSignal,
): Promise<readonly NewerPackage[]> {
  return inTurn(`apt ${home.root}`, async () => {
    const apt = await openApt(home, query, signal);
    if (query.ask) await update(apt);
    const upgrade = await apt('dist-upgrade', '-qq', '--simulate', '--no-install-recommends');
    if (upgrade.code !== 0) throw unreachable(upgrade);
    const found = upgrade.stdout.split('\n').flatMap((line) => parseUpgrade(line) ?? []);
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/** `Inst libssl3 [3.0.20-1] (3.0.22-1 Debian-Security:12/oldstable-security [amd64]) []`; what is new has no version in brackets. */
export function parseUpgrade(line: string): NewerPackage | null {
  const [, name, from, to] = /^Inst (\S+) \[([^\]\s]+)\] \((\S+) /.exec(line) ?? [];
  return name === undefined || from === undefined || to === undefined ? null : { name, from, to };
}

type Apt = (...args: readonly string[]) => Promise<ExecResult>;

async function openApt(home: Home, query: Omit<PackageQuery, 'wanted'>, signal: AbortSignal): Promise<Apt> {
  const { options, folder } = await aptState(home, query);
  const status = query.status ?? (await emptyFile(join(folder, 'empty-status')));
  return (...args) =>
    exec('apt-get', [...options, '-o', `Dir::State::status=${status}`, ...args], {
      signal,
      env: { ...process.env, LC_ALL: 'C' },
    });
}

/** The lists of packages, to those of now. */
async function update(apt: Apt): Promise<void> {
  const updated = await apt('update', '--error-on=any');
  if (updated.code !== 0) throw unreachable(updated);
}

async function askApt(home: Home, query: PackageQuery, signal: AbortSignal): Promise<readonly LockedPackage[]> {
  const apt = await openApt(home, query, signal);
  await update(apt);
  const install = await apt('install', '-qq', '-y', '--no-install-recommends', '--print-uris', '--', ...query.wanted);
  if (install.code !== 0) throw notThere(query, install);
  const found = install.stdout.split('\n').flatMap((line) => parseUri(line, query.sources) ?? []);
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function aptState(
  home: Home,
  query: Omit<PackageQuery, 'wanted'>,
): Promise<{ options: readonly string[]; folder: string }> {
  const sources = formatSources(query.sources);
  const folder = join(home.bake, 'apt', sha256(`${query.architecture}\n${sources}`).slice(7, 19));
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(folder, 'kiln.sources'), sources);
  const settings = {
    'APT::Architecture': query.architecture,
    'APT::Architectures': query.architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::ForceHash': 'SHA256',
    'Acquire::Languages': 'none',
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::Etc::SourceList': join(folder, 'kiln.sources'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::extended_states': join(folder, 'extended_states'),
  };
  return { folder, options: Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]) };
}

/** `'http://mirror/debian/pool/main/a/apt/apt_2.6.1_amd64.deb' apt_2.6.1_amd64.deb 1371 SHA256:…`. */
export function parseUri(line: string, sources: readonly AptSource[]): LockedPackage | null {
  const [, uri = '', file = '', sha256 = ''] = /^'([^']+)' (\S+) [0-9]+ SHA256:([0-9a-f]{64})$/.exec(line) ?? [];
  const mirror = sources.map((source) => source.uri.replace(/\/$/, '')).find((base) => uri.startsWith(`${base}/`));
  if (mirror === undefined) return null;
  const [name = '', version = ''] = file.split('_');
  return { name, version: decodeURIComponent(version), sha256, path: uri.slice(mirror.length + 1) };
}

async function emptyFile(path: string): Promise<string> {
  await writeFile(path, '');
  return path;
}

const lastLines = (result: ExecResult): string => result.stderr.trim().split('\n').slice(-3).join('\n  ');

function unreachable(result: ExecResult): KilnError {
  return new KilnError('BASE_UNAVAILABLE', `the package mirrors could not be asked:\n  ${lastLines(result)}`, {
    hint: 'does `apt-get update` work on this machine? A bake whose packages are in kiln.lock and were baked here before needs no mirror',
  });
}

function notThere(query: PackageQuery, result: ExecResult): KilnError {
  return new KilnError('BAKE_STEP_FAILED', `the packages can't be had from Debian ${query.suite}:\n  ${lastLines(result)}`, {
    hint: 'are the names spelled as in Debian, and does the suite have them?',
  });
}
