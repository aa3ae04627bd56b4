import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../../test/requires.ts';
import { USUAL, type Surroundings } from '../contract.ts';
import { lentSources } from './lent-sources.ts';

const NEVER = new AbortController().signal;
const OTHER_DAY: Surroundings = { mounts: [{ kind: 'bind', from: '/x', path: '/x', writable: false }], needs: [] };
const BOOKWORM = 'ID=debian\nVERSION_CODENAME=bookworm\n';

/** What is lent to a root of these files; null: nothing. */
async function lentTo(files: Readonly<Record<string, string>>): Promise<string | null> {
  const merged = await mkdtemp(join(tmpdir(), 'kiln-lent-'));
  const work = await mkdtemp(join(tmpdir(), 'kiln-lent-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(merged, path)), { recursive: true });
      if (text.startsWith('→')) await symlink(text.slice(1), join(merged, path));
      else await writeFile(join(merged, path), text);
    }
    const before = await readdir(merged, { recursive: true });
    const { env, mounts } = await lentSources({ merged, work, surroundings: USUAL }, null, NEVER);
    assert.deepEqual(await readdir(merged, { recursive: true }), before, 'nothing gets into the root');
    if (mounts.length === 0) return null;
    assert.deepEqual(env, { APT_CONFIG: '/run/kiln/apt/apt.conf' });
    assert.match(
      await readFile(join(work, 'apt/apt.conf'), 'utf8'),
      /^Dir::Etc::SourceList "\/run\/kiln\/apt\/sources\.list";$/m,
    );
    return await readFile(join(work, 'apt/sources.list'), 'utf8');
  } finally {
    for (const folder of [merged, work]) await rm(folder, { recursive: true });
  }
}

test(
  "a Debian that names no archive finds this machine's, with its keys, beside what it names itself",
  requires('mmdebstrap'),
  async () => {
    const lent = await lentTo({ 'etc/os-release': BOOKWORM });
    assert.match(lent ?? '', /^deb .*bookworm main/m);
    for (const [, ring = ''] of (lent ?? '').matchAll(/signed-by=(\S+)\]/g)) assert.match(ring, /^\/run\/kiln\/apt\/\d\.\w+$/);
    const local = 'deb [trusted=yes] file:/srv/repository ./\n';
    const both = await lentTo({ 'etc/os-release': BOOKWORM, 'etc/apt/sources.list': local });
    assert.ok(both?.startsWith(local) && both.includes(' bookworm '), both ?? 'nothing');
  },
);

test(
  "apt's own user can read all of it, whatever the umask is, and on another day apt takes what has expired",
  requires('mmdebstrap'),
  async () => {
    const merged = await mkdtemp(join(tmpdir(), 'kiln-lent-'));
    const umask = process.umask(0o077);
    try {
      await mkdir(join(merged, 'etc'));
      await writeFile(join(merged, 'etc/os-release'), BOOKWORM);
      await lentSources({ merged, work: merged, surroundings: OTHER_DAY }, null, NEVER);
      const folder = join(merged, 'apt');
      assert.match(await readFile(join(folder, 'apt.conf'), 'utf8'), /^Acquire::Check-Valid-Until "false";$/m);
      for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o644, name);
      assert.equal((await stat(folder)).mode & 0o777, 0o755);
    } finally {
      process.umask(umask);
      await rm(merged, { recursive: true });
    }
  },
);

test('what names its archive itself, and what is no Debian, is lent nothing; a link out of the root leads nowhere', async () => {
  const own = 'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n';
  assert.equal(await lentTo({ 'etc/os-release': BOOKWORM, 'etc/apt/sources.list.d/debian.sources': own }), null);
  assert.equal(await lentTo({ 'etc/os-release': 'ID=alpine\n' }), null);
  assert.equal(await lentTo({}), null);
  const linked = { 'etc/os-release': BOOKWORM, 'etc/apt/sources.list': '→/etc/hostname' };
  assert.doesNotMatch((await lentTo(linked)) ?? '', new RegExp((await readFile('/etc/hostname', 'utf8')).trim() || '^$'));
});
