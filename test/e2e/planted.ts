/** Where planted values are found: on disk, in processes, in answers. Values are looked for as they are and as they get encoded. */
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';

import type { Home } from '../../src/platform/home.ts';

const TMPFS_MAGIC = 0x0102_1994;

export class Planted {
  readonly #values = new Map<string, string>();

  readonly #allowed = new Map<string, RegExp>();

  /** A value to look for, and the name under which it is told. `allowed`: files of the home that may have it. */
  plant(name: string, value: string, allowed?: RegExp): string {
    this.#values.set(name, value);
    if (allowed !== undefined) this.#allowed.set(name, allowed);
    return value;
  }

  /** The names of the values that are in the bytes, in any form. */
  in(bytes: Buffer | string): readonly string[] {
    const text = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    return [...this.#values].filter(([, value]) => formsOf(value).some((form) => text.includes(form))).map(([name]) => name);
  }

  /** Everything on the home's disk, compressed layers included, that is not in memory. */
  onDisk(home: Home): readonly string[] {
    if (statfsSync(home.run).type !== TMPFS_MAGIC) return ['the folder of what instances are launched with is on a disk'];
    return filesIn(home.root, [home.run]).flatMap((path) => this.#inFile(home, path));
  }

  /** In memory: only where an instance gets its values from. */
  inMemory(home: Home): readonly string[] {
    // Roots and layers are mounted there; what they are made of is on the disk.
    return filesIn(home.run, [join(home.run, 'roots'), join(home.run, 'layers')])
      .filter((path) => !/\/instances\/[^/]+\/(config\.json|files\/[^/]+)$|\/runc\/[^/]+\/state\.json$/.test(path))
      .flatMap((path) => this.#inFile(home, path));
  }

  /** Command lines of all processes, and environments of the home's own; what an instance itself has is meant for it. */
  inProcesses(home: Home): readonly string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        const read = (name: string): string => readOrEmpty(join('/proc', pid, name)).toString('latin1');
        const command = read('cmdline');
        const isInstance = read('cgroup').includes(`kiln-${home.id}.`);
        const isOurs = command.includes(home.root) || read('environ').includes(home.root);
        const found = [...this.in(command), ...(isOurs && !isInstance ? this.in(read('environ')) : [])];
        return found.map((name) => `${name} in process ${command.replaceAll('\0', ' ')}`);
      });
  }

  #inFile(home: Home, path: string): readonly string[] {
    const [whole, place] = [readOrEmpty(path), relative(home.root, path)];
    const found = [whole, unzipped(whole)].flatMap((each) => this.in(each));
    return found.filter((name) => this.#allowed.get(name)?.test(place) !== true).map((name) => `${name} in ${place}`);
  }
}

/** As text, JSON text, hexadecimal, in a URL, and in base64 wherever it begins in a group of three bytes. */
function formsOf(value: string): readonly string[] {
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(offset === 0 ? 0 : offset + 1, -1);
  });
  return [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString('hex'), encodeURIComponent(value), ...base64];
}

function unzipped(bytes: Buffer): Buffer {
  try {
    return bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])) ? gunzipSync(bytes) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Regular files only, and none of the folders that are skipped. */
function filesIn(folder: string, skipped: readonly string[]): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(path) ? [] : filesIn(path, skipped);
    return entry.isFile() ? [path] : [];
  });
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0); // The process or file has gone meanwhile.
  }
}
