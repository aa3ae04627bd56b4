/** A daemon that hangs, as a socket that takes connections and says nothing shows it to its callers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import { createClient } from './client.ts';

const patience = { silenceMs: 20, answerMs: 60 };

async function served(t: TestContext, listener: RequestListener): Promise<Home> {
  const home = kilnHome({ KILN_HOME: mkdtempSync(`${tmpdir()}/kiln-pulse-`) }, 0);
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(home.socket, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(home.root, { recursive: true });
  });
  return home;
}

const HEALTH = { version: '0', pid: 1, home: '/x', startedAt: 0 };
const answer = (response: ServerResponse, body: unknown): void => void response.end(JSON.stringify(body));

test('a daemon that hangs ends a call, naming its process and the way out', async (t) => {
  const home = await served(t, () => {});
  writeFileSync(home.pidFile, '4711\n');
  await assert.rejects(createClient(home, { patience }).fleets(), (error) => {
    assert.ok(error instanceof KilnError);
    assert.equal(error.code, 'DAEMON_UNREACHABLE');
    assert.match(error.message, /^the daemon \(process 4711\) has not answered for 1 s$/);
    assert.match(error.hint, /kill -CONT 4711/);
    return true;
  });
});

test('a daemon that hangs in the middle of an answer ends the call the same way', async (t) => {
  const home = await served(t, (_, response) => {
    response.write('{"event":{"kind":"step.started","step":"x"}}\n');
  });
  const stream = createClient(home, { patience }).bake({ folder: '/srv' });
  await assert.rejects(stream.result(), { code: 'DAEMON_UNREACHABLE', message: /has not answered/ });
});

test('work that takes long is waited for, however often its silence has the daemon asked for its health', async (t) => {
  const silence: { end?: () => void } = {};
  let asked = 0;
  const home = await served(t, (request, response) => {
    if (request.url !== '/v1/health') silence.end = () => answer(response, { entries: [] });
    else {
      answer(response, HEALTH);
      asked += 1;
      if (asked === 5) silence.end?.();
    }
  });
  assert.deepEqual(await createClient(home, { patience }).history(), { entries: [] });
  assert.equal(asked, 5);
});

test("the client's signal ends every call", async (t) => {
  const stop = new AbortController();
  const home = await served(t, () => stop.abort());
  const client = createClient(home, { signal: stop.signal });
  await assert.rejects(client.fleets(), { code: 'INTERRUPTED' });
  await assert.rejects(client.events({ after: 0 }).result(), { code: 'INTERRUPTED' });
});
