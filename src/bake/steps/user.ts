/** The user of the recipe, in the image's passwd, group and shadow, written by us so that ids and lines are always the same. */
import { chmod, lstat, readFile, writeFile } from 'node:fs/promises';

import type { UserStep } from '../../domain/recipe.ts';
import { KilnError } from '../../errors/error.ts';
import { EPOCH_SECONDS } from '../contract.ts';
import { makeFolderInRoot, resolveInRoot } from '../root-path.ts';
import type { Step } from './step.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const SHADOW_DAY = Math.floor(EPOCH_SECONDS / 86_400);

/** A user that is there already stays as it is. The new one has no password, no shell and no home. */
export function userStep(user: UserStep, name: string): Step {
  return {
    name,
    kind: 'user',
    inputs: async () => ({ ...user }),
    apply: async ({ merged }) => {
      if ((await accountOf(merged, user.name)) !== null) return;
      await refuseTaken(merged, user);
      await makeFolderInRoot(merged, '/etc');
      await add(merged, user, await groupIdOf(merged, user.name));
    },
  };
}

async function add(root: string, { name, uid }: UserStep, group: number | null): Promise<void> {
  await append(root, '/etc/passwd', `${name}:x:${uid}:${group ?? uid}:${name}:/nonexistent:/usr/sbin/nologin`);
  await appendIfThere(root, '/etc/shadow', `${name}:!:${SHADOW_DAY}::::::`);
  if (group !== null) return;
  await append(root, '/etc/group', `${name}:x:${uid}:`);
  await appendIfThere(root, '/etc/gshadow', `${name}:!::`);
}

/** The ids of a user in the root's passwd; null where it has none of that name. */
export async function accountOf(root: string, user: string): Promise<Account | null> {
  const line = (await linesOf(root, '/etc/passwd')).find((fields) => fields[0] === user);
  return line === undefined ? null : { uid: Number(line[2]), gid: Number(line[3]) };
}

export async function groupIdOf(root: string, group: string): Promise<number | null> {
  const line = (await linesOf(root, '/etc/group')).find((fields) => fields[0] === group);
  return line === undefined ? null : Number(line[2]);
}

async function refuseTaken(root: string, user: UserStep): Promise<void> {
  const holder = (await linesOf(root, '/etc/passwd')).find((fields) => Number(fields[2]) === user.uid);
  if (holder === undefined) return;
  throw new KilnError('BAKE_STEP_FAILED', `the user "${user.name}" can't have the id ${user.uid}: it is ${holder[0]}'s`, {
    hint: 'give the user another uid in kiln.yaml',
  });
}

async function linesOf(root: string, path: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(await resolveInRoot(root, path), 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}

async function append(root: string, path: string, line: string): Promise<void> {
  const host = await resolveInRoot(root, path);
  const text = await readFile(host, 'utf8').catch(() => null);
  await writeFile(host, `${text ?? ''}${line}\n`);
  if (text === null) await chmod(host, 0o644);
}

async function appendIfThere(root: string, path: string, line: string): Promise<void> {
  const found = await lstat(await resolveInRoot(root, path)).catch(() => null);
  if (found !== null) await append(root, path, line);
}
