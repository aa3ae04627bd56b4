/** Databases as files: what is read, what is refused, and how long it takes to ask them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { strToU8, zipSync } from 'fflate';

import { KilnError } from '../../errors/error.ts';
import { testFolder } from '../../oci/testing/images.ts';
import type { Inventory } from '../../sbom/package.ts';
import { type Scan, scanAll, type ScanOptions } from '../scan.ts';
import { inventoryWith, osv, packageOf } from '../testing/records.ts';
import { download } from './download.ts';
import { sourceFiles } from './files.ts';
import { load } from './load.ts';

const { signal } = new AbortController();
const all = () => true;
const scan = async (inventory: Inventory, options: ScanOptions): Promise<Scan | undefined> =>
  (await scanAll([inventory], options))[0];
const bytes = (document: unknown): Uint8Array => strToU8(JSON.stringify(document));
const refused = (error: unknown): boolean => error instanceof KilnError && error.code === 'VULNERABILITY_DATA';

test('records in a folder, a list or an archive, and the tracker beside them, are one database', async () => {
  await using folder = await testFolder();
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at('npm/.part'), { recursive: true });
  await writeFile(at('npm/A-1.json'), bytes(osv('A-1', 'npm', 'a', null)));
  await writeFile(at('npm/list.json'), bytes([osv('A-2', 'npm', 'a', null), 7]));
  await writeFile(at('npm/broken.json'), '{');
  await writeFile(at('npm/.part/A-9.json'), bytes(osv('A-9', 'npm', 'a', null)));
  await writeFile(at('npm/readme.txt'), 'no record');
  await writeFile(
    at('all.zip'),
    zipSync({ 'A-3.json': bytes(osv('A-3', 'PyPI', 'A_b', null, { modified: '2026-11-21T00:00:00Z' })), 'x.txt': strToU8('x') }),
  );
  await writeFile(at('tracker.json'), bytes({ bash: { 'CVE-2024-0001': { releases: { bookworm: { status: 'open' } } } } }));
  await utimes(at('tracker.json'), 1000, 1000);
  const loaded = await load(await sourceFiles(folder.path), all);
  assert.deepEqual(loaded.affected.map(({ advisory, name }) => `${advisory.id} ${name}`).toSorted(), [
    'A-1 a',
    'A-2 a',
    'A-3 a-b',
    'CVE-2024-0001 bash',
  ]);
  assert.deepEqual([loaded.records, loaded.unread, loaded.ecosystems], [4, 2, ['Debian:bookworm', 'PyPI', 'npm']]);
  assert.equal(loaded.newest, Date.UTC(2026, 10, 21));
  assert.equal((await load(await sourceFiles(folder.path), () => false)).digest, loaded.digest);
});

test('an archive that is a trap, or damaged, is refused, and nobody waits for it', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'all.zip');
  await writeFile(path, zipSync({ 'A.json': new Uint8Array(40 << 20), 'B.json': new Uint8Array(30 << 20) }, { level: 6 }));
  await assert.rejects(load(await sourceFiles(path), all), RangeError);
  for (const content of ['PK\u0003\u0004 and no more', 'no archive', '']) {
    await writeFile(path, content);
    const tried = await load(await sourceFiles(path), all).catch((error: unknown) => error);
    assert.ok(tried instanceof SyntaxError || (tried as { records: number }).records === 0, content);
  }
  const whole = Buffer.from(zipSync({ 'A.json': bytes(osv('A-1', 'npm', 'a', null)) }));
  for (let cut = 1; cut < whole.length; cut += 13) {
    await writeFile(path, whole.subarray(0, cut));
    await load(await sourceFiles(path), all).catch((error: unknown) => assert.ok(error instanceof SyntaxError, String(error)));
  }
});

test('a source that is not there is told, with its path', async () => {
  await assert.rejects(sourceFiles('/nonexistent/osv'), refused);
});

test('ten thousand records are asked about five hundred packages at once, and only once', async () => {
  await using folder = await testFolder();
  const records = Array.from({ length: 10_000 }, (_, index) =>
    osv(`CVE-2024-${10_000 + index}`, 'npm', `p${index % 2000}`, '1.0.0'),
  );
  const source = join(folder.path, 'all.zip');
  await writeFile(source, zipSync(Object.fromEntries(records.map((each) => [`${each.id}.json`, bytes(each)])), { level: 1 }));
  await utimes(source, 1000, 1000);
  const inventory = inventoryWith(...Array.from({ length: 500 }, (_, index) => packageOf('npm', `p${index}`, '0.9.0')));
  const options = { sources: [source], cacheFolder: join(folder.path, 'cache'), signal };
  const first = await scan(inventory, options);
  assert.deepEqual([first?.vulnerabilities.length, first?.database.records, first?.database.unknown], [2500, 10_000, []]);
  // The second time nothing of the database is read: not even that it is another, with the same times, is seen.
  const { size } = await stat(source);
  await writeFile(source, Buffer.alloc(size));
  await utimes(source, 1000, 1000);
  assert.deepEqual(await scan(inventory, options), first);
});

test('a thread that reads a database ends with whoever waits for it', async () => {
  await using folder = await testFolder();
  await writeFile(join(folder.path, 'A-1.json'), bytes(osv('A-1', 'npm', 'a', null)));
  const gone = AbortSignal.abort(new Error('gone'));
  const options = { sources: [folder.path], cacheFolder: join(folder.path, '.cache'), signal: gone };
  await assert.rejects(scan(inventoryWith(packageOf('npm', 'a', '1.0.0')), options), /gone/);
});

test('a download is kept, asked for again when it is old, and used where nobody answers', async () => {
  await using folder = await testFolder();
  const asked: (string | undefined)[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    asked.push(request.headers['if-none-match']);
    const isKnown = request.headers['if-none-match'] === '"1"' && status === 200;
    response.writeHead(isKnown ? 304 : status, { etag: '"1"' }).end(isKnown || status !== 200 ? '' : '{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/all.json?token=secret`;
  const at = (now: number) => download(url, { folder: folder.path, now, signal });
  const hour = 3_600_000;
  const path = (await at(0))?.path ?? '';
  assert.ok(!path.includes('secret'));
  await at(hour - 1);
  assert.equal(asked.length, 1);
  assert.deepEqual([await at(hour), asked[1]], [{ path, stale: null }, '"1"']);
  status = 404;
  assert.equal(await at(3 * hour), null);
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  const stale = (await at(5 * hour))?.stale ?? '';
  assert.match(stale, /can't be reached/);
  assert.ok(!stale.includes('secret'));
  await assert.rejects(download(url.replace('all', 'other'), { folder: folder.path, now: 0, signal }), refused);
});

test('the digest of a database is that of its contents', async () => {
  await using folder = await testFolder();
  const digestOf = async (text: string): Promise<string> => {
    await writeFile(join(folder.path, 'a.json'), text);
    return (await load(await sourceFiles(folder.path), all)).digest;
  };
  const expected = createHash('sha256').update('a.json\n2\n{}').digest('hex');
  assert.deepEqual([await digestOf('{}'), (await digestOf('[]')) === `sha256:${expected}`], [`sha256:${expected}`, false]);
});
