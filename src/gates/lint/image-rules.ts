/** Rules over what came of the recipe: the image's settings and files. */
import type { Contents, ImageEntry } from './contents.ts';
import type { Breach, Rule } from './rule.ts';

/** One finding of a rule names so many files; one broken package may have thousands. */
const NAMED = 5;

type Matches = (path: string, entry: ImageEntry) => boolean;

/** One breach for each file; beyond a few, one for all the others. */
function filesThat(contents: Contents, matches: Matches, what: (path: string) => string): readonly Breach[] {
  const found: string[] = [];
  for (const [path, entry] of contents) if (matches(path, entry)) found.push(`/${shown(path)}`);
  const named = found.slice(0, NAMED).map((path) => ({ key: path, what: what(path), path }));
  const more = found.length - NAMED;
  return more > 0 ? [...named, { key: 'more', what: `${more} more like ${found[NAMED]}` }] : named;
}

/** Names are bytes; what is no UTF-8 is shown as what it would be in latin1. */
const shown = (path: string): string => {
  const text = Buffer.from(path, 'latin1').toString('utf8');
  return text.includes('�') ? path : text;
};

/** As an image's `User`: a name or number, and perhaps a group after it. Whatever the group, the user may do all. */
const isRoot = (user: string): boolean => /^(?:|root|0+)(?::.*)?$/.test(user);

const isFile = ({ kind }: ImageEntry): boolean => kind === 'file' || kind === 'hardlink';
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
/** Documentation and test data of packages. */
const isForeign = (path: string): boolean => /(?:^|\/)(?:node_modules|site-packages|dist-packages|usr\/share)\//.test(path);

const SECRET_FILES =
  /(?:^|\/)(?:\.env(?:\.(?:local|production|prod|staging|secret))?|id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.git-credentials|\.pgpass|\.my\.cnf|\.htpasswd|\.aws\/credentials|\.docker\/config\.json|\.kube\/config|\.vault-token|service-account[\w-]*\.json|terraform\.tfstate|[\w.-]+\.(?:pfx|p12|keystore|jks|kdbx))$/;
const SSH_SERVERS = /(?:^|\/)(?:sbin|bin)\/(?:sshd|dropbear|tinysshd)$/;
const SELF_UPDATERS = /(?:^|\/)(?:unattended-upgrades?|watchtower|dnf-automatic|yum-cron)$/;
const DATABASES =
  /^var\/lib\/(?:mysql\/ibdata1|postgresql\/[\w./-]*PG_VERSION|redis\/dump\.rdb|mongodb\/WiredTiger|elasticsearch\/nodes\/[\w./-]*)$/;
const STATE_FILES = /\.(?:sqlite3?|db3?|rdb|ldb|mdb)$/;
/** Where programs of a distribution keep read-only databases of their own. */
const KNOWN_STATE = /^(?:usr|etc|var\/(?:lib\/(?:dpkg|apt|rpm|apk|pam)|cache))\//;
/** Set by Debian and Alpine themselves. */
const KNOWN_SETUID =
  /^(?:usr\/)?(?:s?bin\/(?:su|mount|umount|passwd|chsh|chfn|chage|expiry|gpasswd|newgrp|wall|write(?:\.ul)?|unix_chkpwd|bbsuid|ssh-agent|crontab)|lib\/(?:openssh\/ssh-keysign|dbus-1\.0\/dbus-daemon-launch-helper|[\w-]+\/utempter\/utempter))$/;

export const IMAGE_RULES: readonly Rule[] = [
  {
    id: 'root-user',
    severity: 'medium',
    why: 'a process that runs as root needs one hole less to own the machine',
    fix: 'name a user (`user:`, or USER in a Dockerfile); ports below 1024 need only `capabilities: [NET_BIND_SERVICE]` under run',
    breaches: ({ image, runUser }) => [
      ...(isRoot(image.config.config.User ?? '') ? [{ key: 'user', what: 'the image runs as root' }] : []),
      ...(runUser !== null && isRoot(runUser)
        ? [{ key: 'run.user', what: `instances run as root (run.user: "${runUser}")`, path: 'kiln.yaml' }]
        : []),
    ],
  },
  {
    id: 'ssh-server',
    severity: 'high',
    why: 'who can log in can change what runs, and then nobody knows what runs',
    fix: 'leave it out; `kiln logs` and `kiln history` show what a login was for',
    breaches: ({ image, contents }) => [
      ...filesThat(
        contents,
        (path, entry) => SSH_SERVERS.test(path) && entry.kind !== 'folder',
        (path) => `${path} is an SSH server`,
      ),
      ...(Object.hasOwn(image.config.config.ExposedPorts ?? {}, '22/tcp')
        ? [{ key: '22/tcp', what: 'port 22 is declared' }]
        : []),
    ],
  },
  {
    id: 'self-update',
    severity: 'high',
    why: 'an instance that updates itself is no longer what was tested',
    fix: 'leave it out; a newer image is the update',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) => SELF_UPDATERS.test(path) && isFile(entry) && /(?:^|\/)s?bin\//.test(path),
        (path) => `${path} updates what runs`,
      ),
  },
  {
    id: 'secret-file',
    severity: 'high',
    why: 'who has the image has the secret, for as long as the image is anywhere',
    fix: 'keep it out with .kilnignore (.dockerignore), give it at launch, and make the present one worthless',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) => isFile(entry) && entry.size > 0 && SECRET_FILES.test(path) && !isForeign(path),
        (path) => `${path} is a file that holds secrets`,
      ),
  },
  {
    id: 'vcs-in-image',
    severity: 'medium',
    why: 'it holds all that was ever committed, secrets that were taken out again among it',
    fix: 'add .git to .dockerignore, or copy only what runs',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path) => /(?:^|\/)\.git\/HEAD$/.test(path),
        (path) => `${path.slice(0, -'/HEAD'.length)} is in the image`,
      ),
  },
  {
    id: 'state-in-image',
    severity: 'medium',
    why: 'data in an image is lost with each instance, and is the same old data in each new one',
    fix: 'keep it on a volume (run.volumes) or in a service of its own',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) =>
          isFile(entry) &&
          entry.size > 0 &&
          (DATABASES.test(path) || (STATE_FILES.test(path) && !KNOWN_STATE.test(path) && !isForeign(path))),
        (path) => `${path} is data`,
      ),
  },
  {
    id: 'logs-in-image',
    severity: 'note',
    why: 'it is another file in each bake, and of no use to anybody who runs the image',
    fix: 'remove it in the step that writes it',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) => isFile(entry) && entry.size > 0 && /^var\/log\/.*\.log$/.test(path),
        (path) => `${path} is a log of the bake`,
      ),
  },
  {
    id: 'setuid-file',
    severity: 'low',
    why: 'it gives whoever runs it the rights of its owner',
    fix: 'take the bit away (`chmod u-s`) or leave the file out; instances may not gain rights by it anyway',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) => isFile(entry) && (entry.mode & 0o4000) !== 0 && !KNOWN_SETUID.test(path),
        (path) => `${path} is setuid`,
      ),
  },
  {
    id: 'world-writable',
    severity: 'low',
    why: 'anybody in the instance may write it, where its root is not read-only',
    fix: 'set its mode (`mode:` of the file step, or chmod in a run step)',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (_, entry) => isFile(entry) && (entry.mode & 0o002) !== 0,
        (path) => `${path} can be written by anybody`,
      ),
  },
  {
    id: 'remote-shell-tools',
    severity: 'note',
    why: 'it is of use only to somebody who has got in',
    fix: 'leave it out of the image that runs; build stages may have it',
    breaches: ({ contents }) =>
      filesThat(
        contents,
        (path, entry) => /^usr\/s?bin\/(?:sudo|telnetd|nmap|socat|gdb|strace)$/.test(path) && isFile(entry),
        (path) => `${nameOf(path)} is in the image`,
      ),
  },
  {
    id: 'no-health-check',
    severity: 'low',
    why: 'an instance that hangs looks well for as long as its process lives',
    fix: 'add run.health: `{ http: /healthz }`, `{ tcp: true }` or a command',
    breaches: ({ probe }) => (probe === 'none' ? [{ key: 'health', what: 'nothing asks an instance whether it is well' }] : []),
  },
];
