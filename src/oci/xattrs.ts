/**
 * Extended attributes of whole trees: one `getfattr` or `setfattr` for all (Node has no call for them). Paths, names
 * and values are bytes as latin1.
 */
import { KilnError } from '../errors/error.ts';
import { exec } from '../platform/exec.ts';
import { bytesOf, unsafe } from './tar-format.ts';

/** Messages in one language, and nothing of the daemon's own. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** Path relative to the root ('' is the root itself) → name → value. */
export type TreeXattrs = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What a layer carries. Labels of this machine's security modules and the kernel's own notes are not the image's. */
export const isPortable = (name: string): boolean =>
  name === 'security.capability' ||
  name.startsWith('system.posix_acl_') ||
  (name.startsWith('user.') && !name.startsWith('user.overlay.'));

/** Everything under (and on) the folder that has attributes, `trusted.` ones included where root asks. Follows no link. */
export async function readXattrs(root: string): Promise<TreeXattrs> {
  const chunks: Buffer[] = [];
  const result = await exec('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'base64', '.'], {
    cwd: root,
    env: ENVIRONMENT,
    onOutput: (chunk, stream) => {
      if (stream === 'stdout') chunks.push(chunk);
    },
  });
  if (result.code !== 0) throw new Error(`getfattr failed on ${root}: ${result.stderr.trim().slice(-300)}`);
  return parseDump(Buffer.concat(chunks).toString('latin1'));
}

function parseDump(dump: string): TreeXattrs {
  const tree = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of dump.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = new Map();
      const path = unquote(line.slice('# file: '.length));
      // The dot of a hidden file at the root is part of its name.
      tree.set(path === '.' ? '' : path.replace(/^\.\//, ''), current);
      continue;
    }
    const equals = line.indexOf('=');
    const value = equals === -1 ? '' : line.slice(equals + 1);
    if (line !== '') current.set(unquote(equals === -1 ? line : line.slice(0, equals)), decodeValue(value));
  }
  return tree;
}

/** Sets all, or throws LAYER_UNSAFE or REQUIREMENT_MISSING; an existing value is replaced. Follows no link in the last component: the caller vouches for the others. */
export async function writeXattrs(root: string, tree: TreeXattrs): Promise<void> {
  if (tree.size === 0) return;
  const dump = [...tree].map(([path, attributes]) => {
    const lines = [...attributes].map(([name, value]) => `${quote(name)}=0s${bytesOf(value).toString('base64')}\n`);
    return `# file: ${quote(path === '' ? '.' : `./${path}`)}\n${lines.join('')}\n`;
  });
  const { code, stderr } = await exec('setfattr', ['-h', '--restore=-'], {
    cwd: root,
    env: ENVIRONMENT,
    input: bytesOf(dump.join('')),
  });
  if (code === 0) return;
  const why = stderr.trim().split('\n')[0] ?? '';
  if (!/not (?:supported|permitted)/.test(why)) throw unsafe(`the layer has an impossible extended attribute: ${why}`);
  throw new KilnError('REQUIREMENT_MISSING', `extended attributes could not be set: ${why}`, {
    hint: 'Kiln must run as root, with its home on a file system with extended attributes (ext4, XFS, btrfs)',
  });
}

/** `0s` and base64, or nothing for an attribute without a value. */
const decodeValue = (text: string): string => Buffer.from(text.replace(/^0s/, ''), 'base64').toString('latin1');
/** attr's own escapes: a backslash and three octal digits. */
const quote = (text: string): string =>
  text.replace(/[\n\r\\=]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`);
const unquote = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
