import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { parseUpgrade, parseUri } from './resolve.ts';
import { debianSources, formatSources, parseDeb822, parseOneLine } from './sources.ts';
import { fixDays } from './tidy.ts';

const MIRROR = 'http://mirror.example/debian';

let etc = '';
beforeEach(async () => {
  etc = await mkdtemp(join(tmpdir(), 'kiln-etc-'));
  await mkdir(join(etc, 'apt/sources.list.d'), { recursive: true });
  await writeFile(join(etc, 'os-release'), 'ID=debian\nVERSION_CODENAME=bookworm\n');
});
afterEach(() => rm(etc, { recursive: true }));

test('deb822 and one-line sources say the same', () => {
  const one = parseOneLine(
    `deb [arch=amd64 signed-by=/k.gpg] ${MIRROR} bookworm main contrib # why\ndeb-src ${MIRROR} bookworm main\n`,
  );
  const stanza = `Types: deb\nURIs: ${MIRROR}\nSuites: bookworm\nComponents: main\n contrib\nSigned-By: /k.gpg\n`;
  assert.deepEqual(one, parseDeb822(stanza));
  assert.deepEqual(one, [{ uri: MIRROR, suite: 'bookworm', components: ['main', 'contrib'], signedBy: '/k.gpg' }]);
  assert.deepEqual(parseDeb822(formatSources(one)), one);
});

test('a disabled stanza is none', () => {
  assert.deepEqual(parseDeb822(`Types: deb\nEnabled: no\nURIs: ${MIRROR}\nSuites: bookworm\nComponents: main\n`), []);
});

test("the machine's mirrors serve another suite, with its updates and security; other sources are left alone", async () => {
  const lines = ['bookworm', 'bookworm-updates', 'bookworm-security', 'bookworm-backports', 'nodistro'];
  await writeFile(join(etc, 'apt/sources.list'), lines.map((suite) => `deb ${MIRROR} ${suite} main\n`).join(''));
  const suites = async (suite: string): Promise<readonly string[]> =>
    (await debianSources(suite, null, etc)).map((source) => source.suite);
  assert.deepEqual(await suites('trixie'), ['trixie', 'trixie-updates', 'trixie-security']);
  assert.deepEqual(await suites('sid'), ['sid']);
});

test('a machine without a Debian source can bake no Debian base, and says what to do', async () => {
  await assert.rejects(debianSources('bookworm', null, etc), { code: 'BASE_UNAVAILABLE', hint: /sources\.list\.d/ });
});

test("a date means the snapshot archive that the machine's sources name", async () => {
  const file = join(etc, 'apt/sources.list.d/debian.sources');
  const stanza = `URIs: ${MIRROR}\nTypes: deb\nSuites: bookworm\nComponents: main\n`;
  await writeFile(file, stanza);
  await assert.rejects(debianSources('bookworm', '20260101T000000Z', etc), { code: 'BASE_UNAVAILABLE' });
  await writeFile(file, `# http://old.example/archive/debian/20250520T000000Z\n${stanza}`);
  const [source] = await debianSources('bookworm', '20260101T000000Z', etc);
  assert.equal(source?.uri, 'http://old.example/archive/debian/20260101T000000Z');
});

test("apt's answer becomes a locked package, without the mirror's address", () => {
  const hash = 'a'.repeat(64);
  const line = `'${MIRROR}/pool/main/l/libx/libx_1%3a2.0%2bb1_amd64.deb' libx_1%3a2.0+b1_amd64.deb 571920 SHA256:${hash}`;
  const sources = [{ uri: `${MIRROR}/`, suite: 'x', components: ['main'], signedBy: null }];
  const expected = { name: 'libx', version: '1:2.0+b1', sha256: hash, path: 'pool/main/l/libx/libx_1%3a2.0%2bb1_amd64.deb' };
  assert.deepEqual(parseUri(line, sources), expected);
  assert.equal(parseUri('Reading package lists…', sources), null);
});

test('the day of the bake is not in shadow; a password that has to be changed still has to', () => {
  assert.equal(
    fixDays('root:*:20412:0:99999:7:::\napp:!:20413::::::\nnew:x:0::::::\nx:!:::::::\n'),
    'root:*:3652:0:99999:7:::\napp:!:3652::::::\nnew:x:0::::::\nx:!:::::::\n',
  );
});

test('what apt would upgrade, from which version to which; what is new is no upgrade', () => {
  const line = 'Inst libssl3 [3.0.20-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64]) []';
  assert.deepEqual(parseUpgrade(line), { name: 'libssl3', from: '3.0.20-1~deb12u2', to: '3.0.22-1~deb12u2' });
  for (const other of ['Inst libnew (1.0 Debian:12/oldstable [amd64])', 'Conf libssl3 (3.0.22 Debian:12 [amd64])', '']) {
    assert.equal(parseUpgrade(other), null);
  }
});
