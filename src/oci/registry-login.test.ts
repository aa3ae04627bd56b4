/** Debian's docker-registry with TLS and with both kinds of login that it knows. */
import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Credentials } from './docker-credentials.ts';
import { openImageStore } from './layout.ts';
import { pullImage } from './pull.ts';
import { pushImage } from './push.ts';
import { TokenCache } from './registry-auth.ts';
import { DEFAULT_SETTINGS, type RegistryOptions } from './registry.ts';
import { type TestCertificates, makeCertificates } from './testing/certificates.ts';
import { startRegistry } from './testing/docker-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

/** User kiln, password secret. */
const HTPASSWD = 'kiln:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
const QUICK = { attempts: 2, pauseMs: 1 };

const as = (credentials: Credentials | null, authorities: string | null): RegistryOptions => ({
  credentials: () => Promise.resolve(credentials),
  settings: () => ({ ...DEFAULT_SETTINGS, authorities }),
  transport: QUICK,
});

test('a registry with a password and TLS of an own authority', requires('docker-registry', 'openssl'), async () => {
  await using folder = await testFolder();
  const { authority, certificate, key } = await makeCertificates(folder.path);
  const authorities = await readFile(authority, 'utf8');
  await using registry = await startRegistry({ htpasswd: HTPASSWD, tls: { certificate, key } });
  const [here, there] = [await openImageStore(join(folder.path, 'a')), await openImageStore(join(folder.path, 'b'))];
  const digest = await putTestImage(here, [[fileEntry('a', randomBytes(200_000))]]);
  const reference = `${registry.host}/web:1`;
  const me: Credentials = { kind: 'password', username: 'kiln', password: 'secret' };
  await pushImage(digest, reference, here, { ...as(me, authorities), chunkBytes: 50_000 });
  assert.equal(await pullImage(reference, there, as(me, authorities)), digest);
  await assert.rejects(pullImage(reference, there, as(null, authorities)), { code: 'REGISTRY_DENIED' });
  await assert.rejects(pullImage(reference, there, as({ ...me, password: 'wrong' }, authorities)), { code: 'REGISTRY_DENIED' });
  await using elsewhere = await testFolder();
  const other = await makeCertificates(elsewhere.path);
  await assert.rejects(pullImage(reference, there, as(me, await readFile(other.authority, 'utf8'))), {
    code: 'REGISTRY_UNREACHABLE',
    message: /once: .*(CERT|UNABLE)/,
  });
});

const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url');

/** A token as distribution's "Token Authentication Implementation" has it, signed by the certificate's key. */
async function tokenFor(url: URL, user: string, { certificate, key }: TestCertificates, service: string): Promise<string> {
  const x5c = [new X509Certificate(await readFile(certificate)).raw.toString('base64')];
  const now = Math.floor(Date.now() / 1000);
  const access = url.searchParams
    .getAll('scope')
    .map((scope) => scope.split(':'))
    .map(([type, name, actions = '']) => ({ type, name, actions: actions.split(',') }));
  const claims = { iss: 'kiln-test', sub: user, aud: service, iat: now, nbf: now - 10, exp: now + 300, jti: 'x', access };
  const body = `${base64url(JSON.stringify({ typ: 'JWT', alg: 'ES256', x5c }))}.${base64url(JSON.stringify(claims))}`;
  const signer = { key: createPrivateKey(await readFile(key)), dsaEncoding: 'ieee-p1363' } as const;
  return `${body}.${base64url(sign('sha256', Buffer.from(body), signer))}`;
}

test(
  'a registry with a token server, asked once for as long as a token lasts',
  requires('docker-registry', 'openssl'),
  async () => {
    await using folder = await testFolder();
    const certificates = await makeCertificates(folder.path);
    const asked: IncomingMessage[] = [];
    let seconds = 300;
    const server = createServer((request, response) => {
      asked.push(request);
      const [user, password] = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64')
        .toString()
        .split(':');
      if (password !== 'secret') return void response.writeHead(401).end();
      const url = new URL(request.url ?? '', 'http://localhost');
      void tokenFor(url, user ?? '', certificates, 'kiln-registry').then((token) =>
        response.end(JSON.stringify({ token, expires_in: seconds })),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const realm = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token`;
    const token = { realm, service: 'kiln-registry', issuer: 'kiln-test', rootcertbundle: certificates.authority };
    await using registry = await startRegistry({ token });
    try {
      const [here, there] = [await openImageStore(join(folder.path, 'a')), await openImageStore(join(folder.path, 'b'))];
      const digest = await putTestImage(here, [[fileEntry('a', randomBytes(1000))], [fileEntry('b', '2')]]);
      const me = as({ kind: 'password', username: 'kiln', password: 'secret' }, null);
      const tokens = new TokenCache();
      const reference = `${registry.host}/team/web:1`;
      await pushImage(digest, reference, here, { ...me, tokens });
      assert.equal(await pullImage(reference, there, { ...me, tokens }), digest);
      assert.equal(await pullImage(reference, there, { ...me, tokens }), digest);
      assert.deepEqual(
        asked.map(({ url }) => new URL(url ?? '', realm).searchParams.get('scope')),
        ['repository:team/web:pull,push', 'repository:team/web:pull'],
      );
      tokens.forget(registry.host);
      seconds = 0;
      assert.equal(await pullImage(reference, there, { ...me, tokens }), digest);
      assert.equal(await pullImage(reference, there, { ...me, tokens }), digest);
      assert.ok(asked.length >= 4, 'an expired token is not used again');
      const stranger = as({ kind: 'password', username: 'kiln', password: 'wrong' }, null);
      await assert.rejects(pullImage(reference, there, stranger), { code: 'REGISTRY_DENIED' });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  },
);
