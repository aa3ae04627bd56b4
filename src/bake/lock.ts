/**
 * kiln.lock: what the recipe's names meant when they were first baked: tags of registries as digests, packages as versions
 * with their hashes. A bake uses what is locked; `update` asks again. YAML, one line a package, so that a change is readable
 * in a review. Paths in it are relative to a mirror: no address is written down.
 */
import { join } from 'node:path';

import { parse, stringify } from 'yaml';

import { isDigest, type Digest } from '../domain/digest.ts';
import type { Recipe } from '../domain/recipe.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import type { LockContent, LockedPackage } from './lock-content.ts';
import { movesBetween, type LockMove } from './lock-moves.ts';

/** `locked`: what an update moves from; null: the set is new. */
export type AskPackages = (locked: readonly LockedPackage[] | null) => Promise<readonly LockedPackage[]>;

export interface Lock {
  /** The digest of a reference; `resolve` is asked where it isn't locked, and its answer is locked. */
  base(reference: string, resolve: () => Promise<Digest>): Promise<Digest>;
  /** The packages of a set (`debian:bookworm amd64 + nodejs`), the same way. */
  packages(set: string, resolve: AskPackages): Promise<readonly LockedPackage[]>;
  /** Names of the packages that an update is about; null: all. */
  readonly only: ReadonlySet<string> | null;
  /** At the end of a bake: what it didn't ask for is dropped. Answers what an update moved; nothing without one. */
  finish(): Promise<readonly LockMove[]>;
}

const HEADER = '# Written by `kiln bake`; commit it beside kiln.yaml. `kiln bake --update` moves it.\n';
const FORMAT = 1;

/** `name`: of a service whose file has several. */
export const lockPath = (folder: string, name = 'kiln.lock'): string => join(folder, name);

/** `lock`: the name of its lock; absent: kiln.lock. */
type LockedRecipe = Pick<Recipe, 'folder' | 'lock'>;

/** Null: none yet. */
async function readLock(path: string): Promise<string | null> {
  try {
    return await readIfThere(path);
  } catch (cause) {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be read: ${messageOf(cause)}`, {
      hint: 'restore it from version control, or delete it and bake anew',
      cause,
    });
  }
}

export async function openLock(
  { folder, lock }: LockedRecipe,
  update: boolean,
  only: ReadonlySet<string> | null = null,
): Promise<Lock> {
  const path = lockPath(folder, lock);
  const text = await readLock(path);
  const before = text === null ? { bases: {}, packages: {} } : parseLock(text, path);
  const bases = answers<Digest>(update ? {} : before.bases);
  const packages = answers<readonly LockedPackage[]>(update ? {} : before.packages);
  const save = async (content: LockContent): Promise<void> => {
    if (text !== null && isSame(content, before)) return;
    const now = formatLock(content);
    if (now !== text) await writeFileAtomic(path, now, 0o644);
  };
  // Written at once, so that a bake that fails later resumes with the same versions. An update that fails changes nothing.
  const remember = async (): Promise<void> => {
    if (update) return;
    await save({ bases: { ...before.bases, ...bases.known() }, packages: { ...before.packages, ...packages.known() } });
  };
  return {
    base: (reference, resolve) => bases.ask(reference, resolve, remember),
    packages: (set, resolve) => packages.ask(set, () => resolve(before.packages[set] ?? null), remember),
    only,
    finish: async () => {
      const content = { bases: bases.known(), packages: packages.known() };
      const empty = Object.keys(content.bases).length + Object.keys(content.packages).length === 0;
      if (!empty || text !== null) await save(content);
      return update ? movesBetween(before, content) : [];
    },
  };
}

/** What was taken from it is the very thing: writing out hundreds of packages to compare the text takes longer than most bakes. */
const isSame = (one: LockContent, other: LockContent): boolean =>
  isSameRecord(one.bases, other.bases) && isSameRecord(one.packages, other.packages);

const isSameRecord = <T>(one: Readonly<Record<string, T>>, other: Readonly<Record<string, T>>): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([name, value]) => other[name] === value);

interface Answers<T> {
  /** Asked once for each name; what is locked isn't asked for. */
  ask(name: string, resolve: () => Promise<T>, remember: () => Promise<void>): Promise<T>;
  /** What was used so far. */
  known(): Readonly<Record<string, T>>;
}

function answers<T>(locked: Readonly<Record<string, T>>): Answers<T> {
  const known = new Map<string, T>();
  const underway = new Map<string, Promise<T>>();
  const find = async (name: string, resolve: () => Promise<T>, remember: () => Promise<void>): Promise<T> => {
    const there = Object.hasOwn(locked, name) ? locked[name] : undefined;
    const answer = there ?? (await resolve());
    known.set(name, answer);
    if (there === undefined) await remember();
    return answer;
  };
  return {
    ask: (name, resolve, remember) => {
      const answer = underway.get(name) ?? find(name, resolve, remember);
      underway.set(name, answer);
      return answer;
    },
    known: () => Object.fromEntries(known),
  };
}

export function formatLock(content: LockContent): string {
  const packages = Object.entries(content.packages).map(([set, list]) => [set, list.map(formatPackage)] as const);
  const body = { lock: FORMAT, bases: content.bases, packages: Object.fromEntries(packages) };
  return HEADER + stringify(body, { lineWidth: 0, sortMapEntries: true });
}

const formatPackage = (item: LockedPackage): string => `${item.name} ${item.version} ${item.sha256} ${item.path}`;

/** The last that was read: a bake reads it several times, and the next one mostly the same again. */
let lastParsed: { readonly text: string; readonly content: LockContent } | null = null;

export function parseLock(text: string, path: string): LockContent {
  if (lastParsed?.text !== text) lastParsed = { text, content: parsedLock(text, path) };
  return lastParsed.content;
}

function parsedLock(text: string, path: string): LockContent {
  const damaged = (why: string, cause?: unknown): KilnError =>
    new KilnError('CONFIG_INVALID', `kiln.lock ${why}`, {
      hint: 'restore it from version control, or delete it and bake anew',
      at: { file: path },
      cause,
    });
  let body: { lock?: unknown; bases?: Record<string, unknown>; packages?: Record<string, unknown> } | null;
  try {
    body = parse(text) as typeof body;
  } catch (error) {
    throw damaged('is not well-formed', error);
  }
  if (body?.lock !== FORMAT) throw damaged(`is not of the format that this Kiln writes (lock: ${FORMAT})`);
  const bases = Object.entries(body.bases ?? {}).map(([reference, digest]) => {
    if (typeof digest !== 'string' || !isDigest(digest)) throw damaged(`has no digest for the base ${reference}`);
    return [reference, digest] as const;
  });
  const packages = Object.entries(body.packages ?? {}).map(([set, lines]) => {
    const list = Array.isArray(lines) ? lines.map(parsePackage) : [null];
    if (list.some((item) => item === null)) throw damaged(`has a line that is not a package in "${set}"`);
    return [set, list.filter((item) => item !== null)] as const;
  });
  return { bases: Object.fromEntries(bases), packages: Object.fromEntries(packages) };
}

/** The path is given to apt's downloader and the hash to paths of ours, so both are held to their shape. */
function parsePackage(line: unknown): LockedPackage | null {
  const shape = /^([a-z0-9][a-z0-9.+-]*) (\S+) ([0-9a-f]{64}) ((?:[A-Za-z0-9_.+~%:-]+\/)*[A-Za-z0-9_.+~%:-]+\.deb)$/;
  const [, name = '', version = '', sha256 = '', path = ''] = (typeof line === 'string' && shape.exec(line)) || [];
  return name === '' || path.includes('..') ? null : { name, version, sha256, path };
}
