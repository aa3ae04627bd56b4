/**
 * Why files differ from bake to bake, as a table: the first row that fits a difference explains it. Rows of known places come
 * first, then what the contents show, the more certain before the less. A row says what to do about it.
 */
import type { Aspect } from '../oci/file-aspects.ts';
import { differInIds, differInNumbers, differInOrder, differInText, differInTimes, sameBytes } from './clues.ts';
import type { Pair } from './contract.ts';
import { differInBuildId, differInGzipTime, differInPycTime, isAr, isElf, isGzip, isTar, isZip } from './formats.ts';

/** What is known of where the two bakes happened. */
export interface Places {
  readonly folders: readonly [string, string];
  readonly hosts: readonly [string, string];
  readonly processors: readonly [number, number];
}

export interface Cause {
  readonly id: string;
  readonly why: string;
  readonly fix: string;
  readonly fits: (pair: Pair, places: Places) => boolean;
}

type Fits = Cause['fits'];

const at =
  (path: RegExp): Fits =>
  (pair) =>
    path.test(pair.path);

/** Both contents are known and fit. */
const contents =
  (fits: (a: Buffer, b: Buffer, places: Places) => boolean): Fits =>
  ({ first, second, what }, places) =>
    what.includes('content') && first !== null && second !== null && fits(first, second, places);

const isOneSided = ({ what }: Pair): boolean => what.includes('only first') || what.includes('only second');
const differsOnlyIn =
  (...aspects: readonly Aspect[]): Fits =>
  ({ what }) =>
    what.length > 0 && what.every((aspect) => aspects.includes(aspect));

const both = (is: (bytes: Buffer) => boolean): Fits => contents((a, b) => is(a) && is(b));

const cause = (id: string, why: string, fix: string, fits: Fits): Cause => ({ id, why, fix, fits });

/** Field 3 of shadow(5): the day of the last change. */
const dayOnly = (a: Buffer, b: Buffer): boolean => {
  const [left, right] = [a, b].map((text) => text.toString('latin1').replaceAll(/^([^:\n]*:[^:\n]*):[0-9]*:/gm, '$1::'));
  return left === right;
};

const IN_KNOWN_PLACES: readonly Cause[] = [
  cause(
    'apt-lists',
    "apt's lists of what the mirrors had at that moment",
    'install by `packages:`, or end the command with `rm -rf /var/lib/apt/lists/*`',
    at(/^var\/lib\/apt\/(?:lists|periodic|extended_states)/),
  ),
  cause(
    'apt-cache',
    "apt's cache holds times and addresses of memory",
    'install by `packages:`, or end the command with `apt-get clean` and `rm -f /var/cache/apt/*.bin`',
    at(/^var\/cache\/apt(?:\/|$)/),
  ),
  cause(
    'package-logs',
    'logs of the installation of packages, with its times',
    'install by `packages:`, or remove the logs in the same command',
    at(/^var\/log\/(?:apt\/|(?:dpkg|alternatives|bootstrap|fontconfig)\.log)/),
  ),
  cause(
    'ldconfig-cache',
    "ldconfig's auxiliary cache holds inode numbers and times",
    'remove /var/cache/ldconfig/aux-cache in the command that calls ldconfig: it is made anew where it is needed',
    at(/^var\/cache\/ldconfig(?:\/|$)/),
  ),
  cause(
    'machine-id',
    'the id of a machine, drawn at random when a package is installed',
    'leave /etc/machine-id empty (`: > /etc/machine-id`): each instance gets its own',
    at(/^(?:etc\/machine-id|var\/lib\/dbus\/machine-id)$/),
  ),
  cause(
    'ssh-host-keys',
    'host keys of SSH: made at random, and a secret that all instances would share',
    'remove /etc/ssh/ssh_host_* in the command that makes them, or leave the SSH server out: instances are not logged in to',
    at(/^etc\/ssh\/ssh_host_/),
  ),
  cause(
    'random-seed',
    'a seed for random numbers, which all instances would share',
    'remove it in the command that makes it',
    at(/^var\/lib\/(?:systemd\/random-seed|urandom\/random-seed)$/),
  ),
  cause(
    'self-signed-certificate',
    'a certificate or key that was made at random while baking',
    'give it at launch as a secret, or make it when the instance starts',
    at(/(?:^etc\/ssl\/private\/|ssl-cert-snakeoil|dhparams?\.pem$|\.(?:key|p12|jks|keystore)$)/),
  ),
  cause(
    'java-keystore',
    "Java's store of certificates holds the time at which each was added",
    'set SOURCE_DATE_EPOCH-aware keytool options, or take the store of the package ca-certificates-java unchanged',
    at(/^etc\/ssl\/certs\/java\/cacerts$/),
  ),
  cause(
    'npm-cache',
    "npm's cache and logs hold times and random names",
    'end the command with `rm -rf ~/.npm` or set npm_config_cache to a folder in /tmp',
    at(/(?:^|\/)(?:\.npm|_cacache|_logs|\.node-gyp)(?:\/|$)|(?:^|\/)npm-debug\.log/),
  ),
  cause(
    'javascript-cache',
    'a cache of JavaScript tools',
    'remove it in the command that makes it: `rm -rf node_modules/.cache`',
    at(/(?:^|\/)(?:node_modules\/\.cache|\.yarn\/cache|\.pnpm-store|\.turbo|\.parcel-cache)(?:\/|$)|(?:^|\/)\.yarn-state\.yml$/),
  ),
  cause(
    'pip-cache',
    "pip's cache holds what was downloaded with its times",
    'set PIP_NO_CACHE_DIR=1, or install with `pip install --no-cache-dir`',
    at(/(?:^|\/)\.cache\/(?:pip|uv|pypoetry)(?:\/|$)/),
  ),
  cause(
    'go-cache',
    "Go's build cache holds times and the paths of temporary folders",
    'set GOCACHE to a folder in /tmp, or build in a stage and take only the program',
    at(/(?:^|\/)(?:\.cache\/go-build|go\/pkg\/(?:mod\/cache|sumdb))(?:\/|$)/),
  ),
  cause(
    'git-folder',
    "git's index and logs hold times and inode numbers",
    'clone with --depth 1 and remove .git, or put the files into the recipe with `files:`',
    at(/(?:^|\/)\.git(?:\/|$)/),
  ),
  cause(
    'font-cache',
    "fontconfig's cache is named and filled by times",
    'remove /var/cache/fontconfig in the command that makes it',
    at(/(?:^|\/)(?:var\/cache\/|\.cache\/)fontconfig(?:\/|$)/),
  ),
  cause(
    'manual-cache',
    "the manual's index holds times",
    'remove /var/cache/man in the command that makes it; an image needs no manual',
    at(/^var\/cache\/man(?:\/|$)/),
  ),
  cause(
    'backup-files',
    'a copy that a tool keeps of the file before its last change',
    'remove it in the same command',
    at(/^(?:etc\/(?:passwd|shadow|group|gshadow|subuid|subgid)-|var\/(?:cache\/debconf|lib\/dpkg)\/[^/]*-old)$/),
  ),
  cause(
    'pyc-times',
    "Python's compiled files hold the time of their source",
    'compile with `python3 -m compileall --invalidation-mode unchecked-hash`, or set PYTHONDONTWRITEBYTECODE=1',
    (pair, places) => at(/\.py[co]$/)(pair, places) && contents(differInPycTime)(pair, places),
  ),
  cause(
    'pyc',
    "Python's compiled files depend on what was loaded when they were compiled",
    'set PYTHONDONTWRITEBYTECODE=1 for the command, or remove __pycache__ at its end: Python does without',
    at(/\.py[co]$|(?:^|\/)__pycache__(?:\/|$)/),
  ),
  cause(
    'shadow-day',
    "the day of a password's last change is the day of the bake",
    'make the user by `user:`, or set the day: `chage -d 1980-01-01 NAME`',
    (pair, places) => at(/^etc\/shadow-?$/)(pair, places) && contents(dayOnly)(pair, places),
  ),
  cause('logs', 'a log of something that ran while baking', 'remove the log in the same command', at(/^var\/log\/|\.log$/)),
  cause(
    'temporary-files',
    'what a command left in a folder for temporary files',
    'remove it in the same command, or use /tmp, which no layer keeps',
    at(/^(?:tmp|var\/tmp|run)\//),
  ),
  cause('user-cache', "a cache in a user's home", 'remove it in the same command, or point it to /tmp', at(/(?:^|\/)\.cache\//)),
];

const IN_CONTENTS: readonly Cause[] = [
  cause(
    'umask',
    'the mode depends on the umask of the machine that bakes',
    'set the mode: `umask 022` at the start of the command, or `chmod`, or `mode:` of the files',
    differsOnlyIn('mode'),
  ),
  cause(
    'host-name',
    'it holds the name of the machine that baked it',
    'give the program a fixed name by its options or environment',
    contents((a, b, { hosts: [first, second] }) => differInText(a, b, first, second)),
  ),
  cause(
    'build-path',
    'it holds the path at which it was baked',
    'map the path away: -ffile-prefix-map for C, -trimpath for Go, --remap-path-prefix for Rust',
    contents((a, b, { folders: [first, second] }) => differInText(a, b, first, second)),
  ),
  cause(
    'gzip-time',
    'gzip wrote the time of compression into the header',
    'compress with `gzip -n`',
    contents((a, b) => differInGzipTime(a, b)),
  ),
  cause(
    'zip-times',
    'a zip archive (a JAR and a wheel are ones, too) holds the times of its files, or lists them in the order of the disk',
    'set the times first (`find DIR -exec touch -d @$SOURCE_DATE_EPOCH {} +`), and archive a sorted list with `zip -X`',
    both(isZip),
  ),
  cause(
    'tar-times',
    'a tar archive holds the times, owners and order of its files',
    'archive with `tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner`',
    both(isTar),
  ),
  cause(
    'ar-times',
    'a static library or .deb holds the times of its members',
    'make it with `ar rcsD` (deterministic), or set SOURCE_DATE_EPOCH for dpkg-deb',
    both(isAr),
  ),
  cause(
    'compressed',
    'a compressed file, whose content or header differs',
    'compress with `gzip -n` and make what is in it reproducible',
    both(isGzip),
  ),
  cause(
    'elf-build-id',
    'only the build id of the program differs: the linker drew it at random',
    'link with `-Wl,--build-id=sha1`, or `-ldflags=-buildid=` for Go',
    contents(differInBuildId),
  ),
  cause(
    'order',
    'the same content in another order: a folder was read in the order of the disk, or work in parallel ended in another order',
    'sort what is read: `find … | LC_ALL=C sort`, `sorted(os.listdir(…))`',
    contents(differInOrder),
  ),
  cause(
    'processors',
    'it holds how many processors the machine has',
    'give the number by an option, as in `make -j4`, or leave it out',
    contents((a, b, { processors: [first, second] }) => differInText(a, b, String(first), String(second))),
  ),
  cause(
    'times',
    'it holds the time of the bake',
    'let it use SOURCE_DATE_EPOCH, which every command finds in its environment, instead of the clock',
    contents(differInTimes),
  ),
  cause(
    'random-ids',
    'it holds ids that were drawn at random',
    'give the ids, or a seed, by an option; or make them when the instance starts',
    contents(differInIds),
  ),
  cause(
    'numbers',
    'only numbers in it differ: counters, process ids, sizes or durations',
    'leave the figure out, or remove the file if nothing needs it',
    contents(differInNumbers),
  ),
  cause(
    'elf',
    'a program or library whose code differs',
    'build with fixed flags, paths and order (`-ffile-prefix-map`, `-trimpath`, sorted sources), in a stage with locked tools',
    both(isElf),
  ),
  cause(
    'order-in-binary',
    'the same bytes in another order',
    'sort what is read, or work with one processor',
    contents(sameBytes),
  ),
  cause(
    'random-name',
    'it is there in one of the two bakes only: its name is drawn at random, or it is made only sometimes',
    'remove it in the same command, or give it a fixed name',
    (pair) => isOneSided(pair),
  ),
];

export const CAUSES: readonly Cause[] = [...IN_KNOWN_PLACES, ...IN_CONTENTS];

/** For what no row fits. */
export const UNKNOWN = {
  why: 'no known cause fits',
  fix: 'bake the step twice by hand and compare; https://reproducible-builds.org/docs lists what makes builds differ',
} as const;

export const causeOf = (pair: Pair, places: Places): Cause | null => CAUSES.find((row) => row.fits(pair, places)) ?? null;
