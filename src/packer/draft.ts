/** The recipe that grows while a template is gone through in its order, and the files that have to come along. */
import { basename } from 'node:path';

import type { Json } from '../domain/json.ts';
import type { Located } from './files.ts';
import { Refusal, type Place } from './problems.ts';

/** Where the import puts files that it writes or copies, beside kiln.yaml. */
export const OWN_FOLDER = 'packer-import';

export type RunEntry = string | { readonly [key: string]: Json };

export interface FileEntry {
  readonly from: string;
  readonly to: string;
}

/** Files come before commands within a layer of the recipe: a file after a command begins the next one. */
export interface Layer {
  readonly files: FileEntry[];
  readonly run: RunEntry[];
}

/** A file that is to stand beside kiln.yaml: written by the import, or brought from elsewhere. */
export type NeededFile =
  | { readonly kind: 'written'; readonly path: string; readonly content: string; readonly executable: boolean }
  /** `path` is taken from the template's folder as it is. */
  | { readonly kind: 'named'; readonly path: string }
  | { readonly kind: 'outside'; readonly path: string; readonly source: string };

/** A file that steps find below /tmp, from where the template uploads it to its end. */
interface Uploaded extends FileEntry {
  readonly at: Place;
}

export class Draft {
  readonly layers: Layer[] = [{ files: [], run: [] }];
  readonly needed = new Map<string, NeededFile>();
  readonly uploaded: Uploaded[] = [];
  /** Paths below /tmp that commands name, so that two steps which need the same one can be told of. */
  readonly temporary = new Set<string>();
  #written = 0;

  addFile(entry: FileEntry): void {
    const last = this.layers.at(-1);
    if (last !== undefined && last.run.length === 0) last.files.push(entry);
    else this.layers.push({ files: [entry], run: [] });
  }

  addRun(entry: RunEntry): void {
    this.layers.at(-1)?.run.push(entry);
  }

  /** A name for a located file that kiln.yaml can use: within its folder. */
  need(file: Located, at: Place): string {
    if (file.within !== null) {
      const path = file.within === '' ? './' : file.within;
      if (/[*?[\]{}]/.test(path)) throw new Refusal(at, `"${path}" has characters of a pattern in its name; rename it`);
      this.needed.set(path, { kind: 'named', path });
      return path;
    }
    const path = `${OWN_FOLDER}/${basename(file.path)}`;
    const before = this.needed.get(path);
    if (before !== undefined && (before.kind !== 'outside' || before.source !== file.path))
      throw new Refusal(at, `two files outside of the folder are called "${basename(file.path)}"; rename one`);
    this.needed.set(path, { kind: 'outside', path, source: file.path });
    return path;
  }

  /** A file that the import makes; the same name twice gets a number. */
  write(name: string, content: string, executable: boolean): string {
    const known = [...this.needed.values()].find(
      (file) => file.kind === 'written' && file.content === content && file.path.endsWith(name),
    );
    if (known !== undefined) return known.path;
    const path = `${OWN_FOLDER}/${++this.#written}-${name}`;
    this.needed.set(path, { kind: 'written', path, content, executable });
    return path;
  }
}
