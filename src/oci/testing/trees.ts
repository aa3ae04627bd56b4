/** Trees on disk as data, so that two can be compared; and archives with whatever headers a test wants. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { readXattrs } from '../xattrs.ts';
import { encodeHeader, paddingOf, type TarHeader } from '../tar-format.ts';

/** Path → everything that a layer keeps of it. Hard links show as the same `same` path. */
export type Tree = Readonly<Record<string, string>>;

export async function treeAt(root: string): Promise<Tree> {
  const xattrs = await readXattrs(root);
  const first = new Map<number, string>();
  const tree: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: 'latin1' }).toSorted()) {
    const path = Buffer.from(join(root, name), 'latin1');
    const status = lstatSync(path);
    const same = status.isDirectory() ? name : (first.get(status.ino) ?? name);
    first.set(status.ino, same);
    const content = status.isFile() ? readFileSync(path, 'base64') : status.isSymbolicLink() ? readlinkSync(path, 'latin1') : '';
    const attributes = [...(xattrs.get(name) ?? [])].map((pair) => pair.join('=')).toSorted();
    const times = Math.floor(status.mtimeMs / 1000);
    tree[name] = JSON.stringify([status.mode.toString(8), status.uid, status.gid, status.rdev, times, same, content, attributes]);
  }
  return tree;
}

/** A file without anything. */
export const PLAIN: TarHeader = {
  path: 'file',
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  target: '',
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
};

export interface RawEntry extends Partial<TarHeader> {
  readonly content?: string | Buffer;
}

/** An archive that says exactly this, allowed or not. */
export function tarOf(...entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBytes), Buffer.alloc(1024)]);
}

export function entryBytes({ content = '', ...header }: RawEntry): readonly Buffer[] {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  return [encodeHeader({ ...PLAIN, size: body.length, ...header }), body, Buffer.alloc(paddingOf(body.length))];
}
