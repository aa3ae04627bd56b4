/** Whose files are whose: what the package managers of distributions say of that in an image. Pure. */
import { posix } from 'node:path';

const LIST = /^var\/lib\/dpkg\/info\/([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\.list$/;
/** The package whose list of files that path is; null for any other path. */
export const listOwner = (path: string): string | null => LIST.exec(path)?.[1] ?? null;

/** The paths that a list of dpkg names, as the image has them. */
export function* listedPaths(content: Buffer): Generator<string> {
  for (const path of content.toString('latin1').split('\n')) if (path.length > 1) yield merged(path.slice(1));
}

/** Lists from before the merge of /bin, /sbin and /lib into /usr name what is now below /usr. */
export const merged = (path: string): string => (/^(?:s?bin|lib(?:32|64|x32)?)\//.test(path) ? `usr/${path}` : path);

const SUMS = /^var\/lib\/dpkg\/status\.d\/[^/]+\.md5sums$/;
const RECORD = /^((?:.*\/)?)[^/]+\.dist-info\/RECORD$/;
const APK = new Set(['lib/apk/db/installed', 'usr/lib/apk/db/installed']);

/** Whether a file names files that a package brought. */
export const isPackageList = (path: string): boolean =>
  listOwner(path) !== null || SUMS.test(path) || RECORD.test(path) || APK.has(path);

/** What it names, as the image has it. `path`: of dpkg, of images without dpkg's programs, of pip or of apk. */
export function* namedPaths(path: string, content: Buffer): Generator<string> {
  const [, folder] = RECORD.exec(path) ?? [];
  if (folder !== undefined) yield* recordedPaths(folder, content);
  else if (APK.has(path)) yield* installedPaths(content);
  else if (SUMS.test(path)) for (const line of linesOf(content)) yield merged(line.slice(34));
  else yield* listedPaths(content);
}

const linesOf = (content: Buffer): readonly string[] => content.toString('latin1').split('\n');

/** apk-package(5), "installed db": F: names a folder, R: a file within it. */
function* installedPaths(content: Buffer): Generator<string> {
  let folder = '';
  for (const line of linesOf(content)) {
    if (line.startsWith('F:')) folder = line.slice(2);
    else if (line.startsWith('R:')) yield merged(folder === '' ? line.slice(2) : `${folder}/${line.slice(2)}`);
  }
}

/** Python's "Recording installed projects": lines of CSV that begin with a path, from the folder that the packages are in. */
function* recordedPaths(folder: string, content: Buffer): Generator<string> {
  for (const line of linesOf(content)) {
    const path = line.startsWith('"') ? line.slice(1, line.indexOf('"', 1)) : (line.split(',', 1)[0] ?? '');
    if (path !== '' && !path.startsWith('/')) yield merged(posix.normalize(`${folder}${path}`));
  }
}
