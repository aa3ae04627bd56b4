/** `kiln init` for real: what it writes bakes, and `kiln deploy` of it serves. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client } from '../../src/client/client.ts';
import { startFolder } from '../../src/init/init.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt } from './kiln-under-test.ts';
import { ask } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip', 'mmdebstrap', 'buildah');

const kiln = kilnUnderTest();
const root = mkdtempSync(join(tmpdir(), 'kiln-e2e-init-'));
let client: Client;

before(async () => {
  if (NEEDS.skip === false) client = await kiln.client();
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(root, { recursive: true });
});

/** Writes the files, runs init, and deploys on a free port; answers what is served there. */
async function served(service: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, service);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  if ('Dockerfile' in files)
    copyFileSync(execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), join(folder, 'busybox'));
  startFolder(folder, null, []);
  const port = await freePort();
  const file = join(folder, 'kiln.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('listen: 8080', `listen: 127.0.0.1:${port}`));
  await client.deploy({ folder, by: 'the test' }).result();
  await steadyAt(client, service, 1);
  return ask(port);
}

test('a Node service', NEEDS, async () => {
  const code = "require('node:http').createServer((_, answer) => answer.end('node')).listen(process.env.PORT);\n";
  assert.equal(await served('nodely', { 'package.json': '{"scripts": {"start": "node server.js"}}', 'server.js': code }), 'node');
});

test('a Python service', NEEDS, async () => {
  const code = `import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"python")
http.server.HTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
`;
  assert.equal(await served('pythonic', { 'requirements.txt': '# nothing\n', 'app.py': code }), 'python');
});

test('a static site', NEEDS, async () => {
  assert.equal(await served('pages', { 'index.html': '', version: 'static' }), 'static');
});

test('a Dockerfile', NEEDS, async () => {
  const dockerfile = `FROM scratch
COPY busybox /bin/busybox
COPY version /www/
USER 1000
EXPOSE 8123
ENTRYPOINT ["/bin/busybox", "httpd", "-f", "-p", "8123", "-h", "/www"]
`;
  assert.equal(await served('docked', { Dockerfile: dockerfile, version: 'docker' }), 'docker');
});
