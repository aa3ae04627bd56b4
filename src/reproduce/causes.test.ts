/** The table of causes: each row recognises its own example, and is the first that does. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';

import type { Aspect } from '../oci/file-aspects.ts';
import { CAUSES, causeOf, type Places } from './causes.ts';
import type { Pair } from './contract.ts';

const PLACES: Places = {
  folders: ['/srv/build/web', '/elsewhere/copy/of/web'],
  hosts: ['builder-7', 'elsewhere'],
  processors: [2, 1],
};

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const files = (path: string, first: string | Buffer = 'a', second: string | Buffer = 'b'): Pair => ({
  path,
  what: ['content'],
  first: typeof first === 'string' ? bytes(first) : first,
  second: typeof second === 'string' ? bytes(second) : second,
});
const aspects = (path: string, ...what: readonly Aspect[]): Pair => ({ path, what, first: null, second: null });

const gzipAt = (seconds: number, text = 'the same'): Buffer => {
  const zipped = gzipSync(text);
  zipped.writeUInt32LE(seconds, 4);
  return zipped;
};
const pyc = (seconds: number, code = 'code'): Buffer => {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(seconds, 8);
  return Buffer.concat([head, bytes(code)]);
};
const tar = (time: string): Buffer => {
  const block = Buffer.alloc(1024);
  block.write(time, 136);
  block.write('ustar', 257);
  return block;
};
const elf = (id: string, code = 'code'): Buffer => {
  const note = Buffer.alloc(12);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(id.length, 4);
  note.writeUInt32LE(3, 8);
  return Buffer.concat([bytes('\x7fELF'), Buffer.alloc(20), note, bytes('GNU\0'), bytes(id), bytes(code)]);
};

/** Every row by its id, with at least one example. */
const EXAMPLES: Readonly<Record<string, readonly Pair[]>> = {
  'apt-lists': [files('var/lib/apt/lists/mirror_dists_bookworm_InRelease'), aspects('var/lib/apt/lists/x', 'only second')],
  'apt-cache': [files('var/cache/apt/pkgcache.bin')],
  'package-logs': [files('var/log/dpkg.log'), files('var/log/apt/history.log')],
  'ldconfig-cache': [files('var/cache/ldconfig/aux-cache')],
  'machine-id': [files('etc/machine-id'), files('var/lib/dbus/machine-id')],
  'ssh-host-keys': [files('etc/ssh/ssh_host_ed25519_key')],
  'random-seed': [files('var/lib/systemd/random-seed')],
  'self-signed-certificate': [files('etc/ssl/private/ssl-cert-snakeoil.key'), files('etc/nginx/dhparam.pem')],
  'java-keystore': [files('etc/ssl/certs/java/cacerts')],
  'npm-cache': [
    files('root/.npm/_cacache/index-v5/ab/cd'),
    aspects('root/.npm/_logs/2026-11-21T08_51_03-debug-0.log', 'only first'),
  ],
  'javascript-cache': [files('app/node_modules/.cache/babel/x.json')],
  'pip-cache': [files('root/.cache/pip/http/a/b')],
  'go-cache': [files('root/.cache/go-build/00/0a-d')],
  'git-folder': [files('src/lib/.git/index')],
  'font-cache': [files('var/cache/fontconfig/3830d5c3-le64.cache-7')],
  'manual-cache': [files('var/cache/man/index.db')],
  'backup-files': [files('etc/passwd-'), files('var/lib/dpkg/status-old')],
  'pyc-times': [files('app/__pycache__/a.cpython-311.pyc', pyc(1), pyc(2))],
  pyc: [files('app/__pycache__/a.cpython-311.pyc', pyc(1), pyc(1, 'edoc'))],
  'shadow-day': [
    files('etc/shadow', 'root:*:20413:0:99999:7:::\napp:!:20413::::::\n', 'root:*:20814:0:99999:7:::\napp:!:20814::::::\n'),
  ],
  logs: [files('var/log/app/start.txt'), files('opt/install.log')],
  'temporary-files': [aspects('var/tmp/build.x8Ji2', 'only first')],
  'user-cache': [files('root/.cache/something/x')],
  umask: [aspects('srv/a', 'mode')],
  'host-name': [files('etc/mailname', 'builder-7.example\n', 'elsewhere.example\n')],
  'build-path': [files('srv/config.h', '#define SRC "/srv/build/web/a.c"', '#define SRC "/elsewhere/copy/of/web/a.c"')],
  'gzip-time': [files('usr/share/a.gz', gzipAt(1), gzipAt(2))],
  'zip-times': [files('app/a.jar', 'PK\x03\x04aaaa', 'PK\x03\x04bbbb')],
  'tar-times': [files('srv/a.tar', tar('14710201327'), tar('14710201999'))],
  'ar-times': [files('usr/lib/libx.a', '!<arch>\nx/ 1763715063', '!<arch>\nx/ 1763715064')],
  compressed: [files('srv/a.gz', gzipAt(0, 'one'), gzipAt(0, 'two three'))],
  'elf-build-id': [files('usr/bin/x', elf('0123456789abcdef0123'), elf('fedcba98765432100123'))],
  order: [files('srv/list', 'a\nb\nc\n', 'c\na\nb\n')],
  processors: [files('srv/jobs', 'workers=2;', 'workers=1;')],
  times: [
    files('srv/built', 'built 2026-11-21T08:51:03Z', 'built 2027-12-27T16:02:44Z'),
    files('srv/built', 'Sat Nov 21 08:51:03 UTC 2026', 'Mon Dec 27 16:02:44 UTC 2027'),
    files('srv/stamp', '1795250000', '1829800000'),
  ],
  'random-ids': [files('srv/id', 'id=3f0e8d7a-5c1b-4f2e-9a66-0c9c5e1d2b3a', 'id=90af31c2-8d47-4d0b-b1b0-7f5a0b1e9c88')],
  numbers: [files('srv/pid', 'pid 812', 'pid 9')],
  elf: [files('usr/bin/x', elf('0123', 'code'), elf('0123', 'other'))],
  'order-in-binary': [files('srv/db', 'ab\0cd', 'cd\0ab')],
  'random-name': [aspects('srv/data/x8f2', 'only first')],
};

test('every cause has an example', () => {
  assert.deepEqual(CAUSES.map(({ id }) => id).toSorted(), Object.keys(EXAMPLES).toSorted());
});

for (const [id, pairs] of Object.entries(EXAMPLES)) {
  test(`cause ${id}: its examples are recognised, and say what to do`, () => {
    for (const pair of pairs) {
      const found = causeOf(pair, PLACES);
      assert.equal(found?.id, id, pair.path);
      assert.ok(found.fix.length > 10 && found.why.length > 10);
    }
  });
}

test('two contents that have nothing in common have no cause', () => {
  assert.equal(causeOf(files('srv/x', 'one thing', 'another'), PLACES), null);
  assert.equal(causeOf({ ...files('srv/x'), first: null, second: null }, PLACES), null);
});

test('contents made to be slow to look at are not', () => {
  const hostile = ['2026-'.repeat(200_000), '0'.repeat(1 << 20), 'a:'.repeat(1 << 19), '\n'.repeat(1 << 20)];
  const startedAt = performance.now();
  for (const text of hostile) causeOf(files('etc/shadow', text, `${text}x`), PLACES);
  assert.ok(performance.now() - startedAt < 60_000);
});
