/** Debian's docker-registry on a loopback port of its own, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

/** `htpasswd`: lines of user and bcrypt hash; absent: everybody may do everything. */
export async function startRegistry(htpasswd?: string): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const auth = htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'kiln', path: join(folder, 'htpasswd') } } };
  if (htpasswd !== undefined) await writeFile(join(folder, 'htpasswd'), htpasswd);
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: host },
    ...auth,
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config)); // JSON is YAML.
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await answering(`http://${host}/v2/`, () => child.exitCode);
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

async function answering(url: string, exitCode: () => number | null): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    if (exitCode() !== null) throw new Error(`docker-registry ended with ${exitCode()}`);
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('docker-registry did not start within 20 s');
}
