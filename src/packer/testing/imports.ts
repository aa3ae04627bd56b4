/** Imports for tests: a folder of files in, the recipe or what was refused out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

import { KilnError } from '../../errors/error.ts';
import { importPacker, type ImportedRecipe, type ImportOptions } from '../import.ts';

export const NOW = Date.UTC(2026, 2, 3, 14, 5, 6);

export interface Said extends Partial<Omit<ImportOptions, 'bases' | 'values' | 'path'>> {
  readonly bases?: Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, string>>;
  /** The file that is imported; absent: the only template, else the folder. */
  readonly path?: string;
}

export interface Folder extends Disposable {
  readonly path: string;
  import(said?: Said): ImportedRecipe;
}

export function aFolder(files: Readonly<Record<string, string>>): Folder {
  const path = mkdtempSync(join(tmpdir(), 'kiln-packer-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  const templates = Object.keys(files).filter((name) => name.endsWith('.pkr.hcl') || name === 'template.json');
  return {
    path,
    import: ({ bases = {}, values = {}, path: named, ...said } = {}) =>
      importPacker({
        path: join(path, named ?? (templates.length === 1 ? (templates[0] ?? '') : '')),
        bases: new Map(Object.entries(bases)),
        values: new Map(Object.entries(values)),
        valueFiles: [],
        only: [],
        except: [],
        allowOutside: false,
        env: {},
        nowMs: NOW,
        ...said,
      }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** The `image` of what a template becomes. */
export function imageOf(files: Readonly<Record<string, string>>, said: Said = {}): unknown {
  using folder = aFolder(files);
  return (parse(folder.import(said).text) as { readonly image: unknown }).image;
}

/** The refusal, line by line, without the count above several. */
export function problemsOf(files: Readonly<Record<string, string>>, said: Said = {}): readonly string[] {
  using folder = aFolder(files);
  try {
    folder.import(said);
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const lines = error.message.split('\n  ');
    return lines.length === 1 ? lines : lines.slice(1);
  }
  return [];
}

export const noticesOf = (files: Readonly<Record<string, string>>, said: Said = {}): readonly string[] => {
  using folder = aFolder(files);
  return folder.import(said).notices.map(({ at, text }) => `${at.line}: ${text}`);
};
