/** Debian's docker-registry on a loopback port of its own, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

export interface TestRegistryOptions {
  /** Lines of user and bcrypt hash; without it and `token` everybody may do everything. */
  readonly htpasswd?: string;
  /** Paths. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Its configuration for tokens: realm, service, issuer, rootcertbundle. */
  readonly token?: Readonly<Record<string, string>>;
}

export async function startRegistry({ htpasswd, tls, token }: TestRegistryOptions = {}): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const path = join(folder, 'htpasswd');
  const auth = {
    ...(htpasswd === undefined ? {} : { htpasswd: { realm: 'kiln', path } }),
    ...(token === undefined ? {} : { token }),
  };
  if (htpasswd !== undefined) await writeFile(path, htpasswd);
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: host, ...(tls === undefined ? {} : { tls }) },
    ...(Object.keys(auth).length === 0 ? {} : { auth }),
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config)); // JSON is YAML.
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await listening(Number(host.split(':')[1]), () => child.exitCode);
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listening(port: number, exitCode: () => number | null): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    if (exitCode() !== null) throw new Error(`docker-registry ended with ${exitCode()}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('docker-registry did not start within 60 s');
}
