/** Who an instance runs as: numbers, or names by the image's own passwd and group files. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import { resolveInRoot } from '../../linux/rooted-path.ts';

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/** No account file is larger; an image may hold anything under that name. */
const MAX_BYTES = 1 << 20;

/** `text` as in an image's `User`: empty for root, `uid`, `uid:gid`, `name`, `name:group`. Throws LAUNCH_FAILED. */
export async function findUser(root: string, text: string): Promise<User> {
  const [wanted = '', wantedGroup] = (text === '' ? '0' : text).split(':');
  const accounts = await readTable(root, '/etc/passwd');
  const groups = await readTable(root, '/etc/group');
  const account = accounts.find(([name, , uid]) => (isNumber(wanted) ? uid === wanted : name === wanted));
  if (account === undefined && !isNumber(wanted)) throw unknown('user', wanted, '/etc/passwd');
  const name = account?.[0];
  return {
    uid: Number(account?.[2] ?? wanted),
    gid: wantedGroup === undefined ? Number(account?.[3] ?? 0) : findGroup(groups, wantedGroup),
    groups: name === undefined || wantedGroup !== undefined ? [] : memberships(groups, name),
    home: account?.[5] || '/',
  };
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);

function findGroup(groups: readonly (readonly string[])[], wanted: string): number {
  if (isNumber(wanted)) return Number(wanted);
  const group = groups.find(([name]) => name === wanted);
  if (group === undefined) throw unknown('group', wanted, '/etc/group');
  return Number(group[2]);
}

const memberships = (groups: readonly (readonly string[])[], name: string): readonly number[] =>
  groups.filter(([, , , members]) => (members ?? '').split(',').includes(name)).map(([, , gid]) => Number(gid));

async function readTable(root: string, path: string): Promise<readonly (readonly string[])[]> {
  const { path: real, found } = await resolveInRoot(root, path);
  if (!found?.isFile()) return [];
  const file = await open(join(root, real), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(found.size, MAX_BYTES)), 0);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    return lines.filter((line) => line.includes(':')).map((line) => line.split(':'));
  } finally {
    await file.close();
  }
}

const unknown = (kind: string, name: string, file: string): KilnError =>
  new KilnError('LAUNCH_FAILED', `the image has no ${kind} "${name}" in its ${file}`, {
    hint: `add the ${kind} in the recipe (\`user: ${name}\`), or name the ${kind} by its number`,
  });
