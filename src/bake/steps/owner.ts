/** `owner:` of a files step: numbers, or names in the image's passwd and group. */
import { KilnError } from '../../errors/error.ts';
import { accountOf, groupIdOf, type Account } from './user.ts';

/** Null is root. `app` is the user with its own group; `app:web`, `10001`, `0:33` name both. */
export async function ownerIn(root: string, owner: string | null): Promise<Account> {
  if (owner === null) return { uid: 0, gid: 0 };
  const [user = '', group] = owner.split(':');
  const account = isNumber(user) ? { uid: Number(user), gid: Number(user) } : await accountOf(root, user);
  if (account === null) throw unknown(owner, `user "${user}"`);
  if (group === undefined) return account;
  const gid = isNumber(group) ? Number(group) : await groupIdOf(root, group);
  if (gid === null) throw unknown(owner, `group "${group}"`);
  return { uid: account.uid, gid };
}

const isNumber = (text: string): boolean => /^[0-9]+$/.test(text);

function unknown(owner: string, what: string): KilnError {
  return new KilnError('BAKE_STEP_FAILED', `files can't be given to "${owner}": the image has no ${what}`, {
    hint: 'name the user in `user:`, install the package that makes it, or give numbers',
  });
}
