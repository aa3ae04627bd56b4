/** Files that a template names. Only those of its own folder are read, links followed within it only, unless a person allowed more. */
import { existsSync, globSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

import { MOST_FILE_BYTES, MOST_FILES } from './limits.ts';
import { Refusal, type Place } from './problems.ts';

export interface Located {
  /** Absolute, as named: links are not resolved. */
  readonly path: string;
  /** From the template's folder; null: outside of it. */
  readonly within: string | null;
  readonly isFolder: boolean;
}

export class TemplateFiles {
  /** Absolute. */
  readonly folder: string;
  readonly #allowOutside: boolean;
  #reads = 0;

  constructor(folder: string, allowOutside: boolean) {
    this.folder = resolve(folder);
    this.#allowOutside = allowOutside;
  }

  /** Refuses what is not there or not allowed. */
  locate(name: string, at: Place): Located {
    const path = this.#allowed(name, at);
    if (!existsSync(path)) throw new Refusal(at, `${quoted(name)} is not there; put it into the folder of the template`);
    const within = relative(this.folder, path);
    const stat = statSync(path);
    if (!stat.isDirectory() && !stat.isFile())
      throw new Refusal(at, `${quoted(name)} is neither a file nor a folder; name one of these`);
    return { path, within: isOutside(within) ? null : within, isFolder: stat.isDirectory() };
  }

  exists(name: string, at: Place): boolean {
    return existsSync(this.#allowed(name, at));
  }

  /** UTF-8, of bounded size. */
  read(name: string, at: Place): string {
    const { path, isFolder } = this.locate(name, at);
    if (isFolder) throw new Refusal(at, `${quoted(name)} is a folder; name a file`);
    if (++this.#reads > MOST_FILES) throw new Refusal(at, `reads more than ${MOST_FILES} files; read fewer`);
    if (statSync(path).size > MOST_FILE_BYTES) throw new Refusal(at, `${quoted(name)} is larger than 1 MiB; make it smaller`);
    try {
      return readFileSync(path, 'utf8');
    } catch {
      throw new Refusal(at, `${quoted(name)} cannot be read; see to its permissions`);
    }
  }

  /** Names of files below `folder` that the pattern matches, sorted. */
  matching(folder: string, pattern: string, at: Place): readonly string[] {
    const { path } = this.locate(folder, at);
    if (pattern.split('/').includes('..') || isAbsolute(pattern))
      throw new Refusal(at, 'the pattern leaves its folder; take ".." away');
    const found = globSync(pattern, { cwd: path });
    if (found.length > MOST_FILES * 10) throw new Refusal(at, 'the pattern matches too many files; make it narrower');
    return found.filter((name) => statSync(resolve(path, name), { throwIfNoEntry: false })?.isFile()).toSorted();
  }

  #allowed(name: string, at: Place): string {
    if (name === '' || name.includes('\0') || name.length > 4096)
      throw new Refusal(at, `${quoted(name)} is no path; name a file`);
    const path = resolve(this.folder, name);
    if (this.#allowOutside) return path;
    if (isOutside(relative(this.folder, path)) || isOutside(relative(realpathSync(this.folder), real(path)))) {
      throw new Refusal(at, `${quoted(name)} is outside the template's folder; copy it in, or give --allow-outside`);
    }
    return path;
  }
}

/** The path with every link resolved; of what is not there, as far as it is. */
function real(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : resolve(real(parent), relative(parent, path));
}

const isOutside = (within: string): boolean => within === '..' || within.startsWith(`..${sep}`) || isAbsolute(within);

const quoted = (name: string): string => JSON.stringify(name.length > 100 ? `${name.slice(0, 99)}…` : name);
