/** The files of a layer, and what happens to them from one version to the next. */
import { createCipheriv, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export type Files = Map<string, Buffer>;

export const FILES = 16;
export const FILE_BYTES = 400_000;
/** Saying where a change is takes some bytes, however small it is: docs/registries.md. */
const PLACE_BYTES = 64;
const PROGRAM_BYTES = 4_000_000;

/** Like random, and the same in every run. */
export const seeded = (seed: string, length: number): Buffer =>
  createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16)).update(Buffer.alloc(length));

/** Files that can't be compressed, and a program that can. */
export async function filesBefore(): Promise<Files> {
  const files: Files = new Map(Array.from({ length: FILES }, (_, at) => [`f${at}`, seeded(`f${at}`, FILE_BYTES)]));
  return files.set('program', (await readFile(process.execPath)).subarray(30_000_000, 30_000_000 + PROGRAM_BYTES));
}

/** Each changes the files and answers how many bytes are changed by it. */
export const CHANGES: Readonly<Record<string, (files: Files) => number>> = {
  'one file is another': (files) => {
    files.set('f3', seeded('another', FILE_BYTES));
    return FILE_BYTES;
  },
  'files are new, longer, gone': (files) => {
    files.set('a-new', seeded('new', 1_000_000));
    change(files, 'f10', (content) => Buffer.concat([content, seeded('more', 500_000)]));
    files.delete('f12');
    return 1_500_000;
  },
  'a block of 20 kB is inserted': (files) => {
    change(files, 'f7', (content) => Buffer.concat([content.subarray(0, 1234), seeded('block', 20_000), content.subarray(1234)]));
    return 20_000;
  },
  '200 places of 256 bytes': (files) => scatter(files, 200, 256),
  '1,000 places of one byte': (files) => scatter(files, 1_000, 1),
  'a package of 12 files is upgraded': (files) => {
    for (let at = 0; at < 12; at += 1) {
      change(files, `f${at}`, (content) => Buffer.concat([seeded(`version 2 of ${at}`, 20_000), content.subarray(20_000)]));
    }
    return 12 * 20_000;
  },
  'a program is linked anew': (files) => {
    let changed = 0;
    change(files, 'program', (program) => {
      const relinked = linkedAnew(program);
      ({ changed } = relinked);
      return relinked.bytes;
    });
    return changed;
  },
  'three quarters are new': (files) => {
    for (let at = 0; at < 12; at += 1) files.set(`f${at}`, seeded(`again ${at}`, FILE_BYTES));
    return 12 * FILE_BYTES;
  },
};

function change(files: Files, name: string, edit: (content: Buffer) => Buffer): void {
  files.set(name, edit(Buffer.from(files.get(name) ?? [])));
}

/** Overwrites so many places of so many bytes; answers what that is. */
function scatter(files: Files, places: number, length: number): number {
  for (let at = 0; at < places; at += 1) {
    change(files, `f${at % FILES}`, (content) => {
      seeded(`place ${at}`, length).copy(content, (at * 102_947) % (content.length - length));
      return content;
    });
  }
  return places * Math.max(length, PLACE_BYTES);
}

/** As if something near its start had grown: each address in it is another, and all of it is a little further on. */
function linkedAnew(program: Buffer): { readonly bytes: Buffer; readonly changed: number } {
  const bytes = Buffer.concat([program.subarray(0, 10_000), seeded('grown', 4_000), program.subarray(10_000)]);
  let changed = 4_000;
  for (let at = 20_000; at < bytes.length - 4; at += 90) {
    bytes.writeUInt32LE((bytes.readUInt32LE(at) + 4_000) >>> 0, at);
    changed += 4;
  }
  return { bytes, changed };
}
