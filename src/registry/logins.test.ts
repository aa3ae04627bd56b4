import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { dockerCredentials } from '../oci/docker-credentials.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { testFolder } from '../oci/testing/images.ts';
import { checkLogin, login, logout } from './logins.ts';

/** User kiln, password secret. */
const HTPASSWD = 'kiln:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
const QUICK = { transport: { attempts: 2, pauseMs: 1 } };

test('a login is tried, kept as docker keeps it beside what is there, and forgotten', requires('docker-registry'), async () => {
  await using registry = await startRegistry({ htpasswd: HTPASSWD });
  await using folder = await testFolder();
  const path = join(folder.path, 'config.json');
  await writeFile(path, JSON.stringify({ auths: { 'other.example': { auth: 'b3RoZXI6cHc=' } }, detachKeys: 'ctrl-e' }));
  const given = { registry: registry.host, username: 'kiln', password: 'secret' };
  await assert.rejects(login({ ...given, password: 'wrong' }, QUICK, folder.path), { code: 'REGISTRY_DENIED' });
  assert.equal(await dockerCredentials(folder.path)(registry.host), null);
  assert.equal(await login(given, QUICK, folder.path), path);
  assert.deepEqual(await dockerCredentials(folder.path)(registry.host), {
    kind: 'password',
    username: 'kiln',
    password: 'secret',
  });
  const kept = JSON.parse(await readFile(path, 'utf8')) as { auths: Record<string, unknown>; detachKeys: string };
  assert.deepEqual(Object.keys(kept.auths), ['other.example', registry.host]);
  assert.equal(kept.detachKeys, 'ctrl-e');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(await logout(registry.host, folder.path), true);
  assert.equal(await logout(registry.host, folder.path), false);
  assert.equal(await dockerCredentials(folder.path)(registry.host), null);
});

test('where a credential helper is set, it gets the login, and the file does not', requires('docker-registry'), async () => {
  await using registry = await startRegistry({ htpasswd: HTPASSWD });
  await using folder = await testFolder();
  const bin = join(folder.path, 'bin');
  await mkdir(bin);
  const helper = join(bin, 'docker-credential-kiln-keep');
  await writeFile(
    helper,
    `#!/bin/sh\ncase $1 in store) cat >"${bin}/kept";; get) cat "${bin}/kept";; erase) rm "${bin}/kept";; esac\n`,
  );
  await chmod(helper, 0o755);
  await writeFile(join(folder.path, 'config.json'), JSON.stringify({ credsStore: 'kiln-keep' }));
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}:${path}`;
  try {
    const given = { registry: registry.host, username: 'kiln', password: 'secret' };
    assert.equal(await login(given, QUICK, folder.path), 'docker-credential-kiln-keep');
    const kept = JSON.parse(await readFile(join(bin, 'kept'), 'utf8')) as object;
    assert.deepEqual(kept, { ServerURL: registry.host, Username: 'kiln', Secret: 'secret' });
    assert.deepEqual(JSON.parse(await readFile(join(folder.path, 'config.json'), 'utf8')), { credsStore: 'kiln-keep' });
    assert.equal((await dockerCredentials(folder.path)(registry.host))?.kind, 'password');
    assert.equal(await logout(registry.host, folder.path), true);
    await assert.rejects(readFile(join(bin, 'kept')));
  } finally {
    process.env['PATH'] = path;
  }
});

test('what can be no login is refused without its password', () => {
  const wrong = [
    { registry: 'r.example', username: 'a:b', password: 'top-secret' },
    { registry: 'r.example', username: '', password: 'top-secret' },
    { registry: 'r.example', username: 'a', password: 'top-secret\nsecond' },
    { registry: 'r.example', username: 'a', password: '' },
  ];
  for (const given of wrong)
    assert.throws(
      () => checkLogin(given),
      (error: Error & { code: string }) => error.code === 'USAGE' && !error.message.includes('top-secret'),
    );
});
