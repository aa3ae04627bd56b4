/** Where a program is, by PATH and the folders of the system's own programs, which a user's PATH often leaves out. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** A PATH with which children are found wherever `findProgram` finds them. */
export const systemPath = (path: string | undefined): string =>
  [...new Set([...(path ?? '').split(delimiter).filter((folder) => folder !== ''), ...SYSTEM_FOLDERS])].join(delimiter);

/** The whole path; null where there is none. */
export async function findProgram(name: string): Promise<string | null> {
  for (const folder of systemPath(process.env['PATH']).split(delimiter)) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return null;
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
