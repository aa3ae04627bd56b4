import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { Probe } from '../domain/release.ts';
import type { Address } from './engine.ts';
import { createProber, type Prober } from './probe.ts';

const HTTP: Probe = { kind: 'http', path: '/healthz', status: 200 };
const noCommand = async (): Promise<string> => 'not called';

async function serve(t: TestContext, answer: RequestListener, keepAliveMs = 5000): Promise<Address> {
  const server = createServer({ keepAliveTimeout: keepAliveMs }, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

function prober(t: TestContext, probe: Probe, address: Address | null): Prober {
  const made = createProber(probe, address, noCommand);
  t.after(() => made.close());
  return made;
}

test('the status is what makes an answer good', async (t) => {
  let status = 200;
  const address = await serve(t, (_, response) => response.writeHead(status).end('ok'));
  const made = prober(t, HTTP, address);
  assert.equal(await made.probe(1000), null);
  status = 503;
  assert.equal(await made.probe(1000), 'GET /healthz answered 503, not 200');
});

test('so is a text in the body, where one is asked for', async (t) => {
  const address = await serve(t, (_, response) => response.end('state: ready'));
  assert.equal(await prober(t, { ...HTTP, body: 'ready' }, address).probe(1000), null);
  assert.equal(
    await prober(t, { ...HTTP, body: 'steady' }, address).probe(1000),
    'GET /healthz answered without the text "steady"',
  );
});

test('a body without an end is read no further than needed', async (t) => {
  const address = await serve(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16 << 10)));
      response.once('drain', more);
    };
    more();
  });
  assert.match((await prober(t, { ...HTTP, body: 'y' }, address).probe(5000)) ?? '', /without the text/);
});

test('a server that never answers is unhealthy after the timeout', async (t) => {
  const address = await serve(t, () => {});
  assert.equal(await prober(t, HTTP, address).probe(100), 'GET /healthz: no answer within 0.1 s');
});

test('nobody listening is said in words', async (t) => {
  const address = await serve(t, () => {});
  const free = { ...address, port: 1 };
  assert.equal(await prober(t, HTTP, free).probe(1000), 'GET /healthz: connection refused');
  assert.equal(await prober(t, { kind: 'tcp' }, free).probe(1000), 'connection to port 1: connection refused');
  assert.equal(await prober(t, { kind: 'tcp' }, address).probe(1000), null);
});

test('one connection serves all probes, and one that the server has closed is no failure', async (t) => {
  const ports = new Set<number | undefined>();
  let dropNext = false;
  const address = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort);
    if (dropNext) {
      dropNext = false;
      request.socket.destroy();
    } else response.end('ok');
  });
  const made = prober(t, HTTP, address);
  for (let count = 0; count < 3; count++) assert.equal(await made.probe(1000), null);
  assert.equal(ports.size, 1);
  dropNext = true;
  assert.equal(await made.probe(1000), null);
  assert.equal(ports.size, 2);
});

test('a service without a port has nothing to check over the network', async (t) => {
  assert.equal(await prober(t, HTTP, null).probe(1000), 'the service has no port to check over http');
  assert.equal(await prober(t, { kind: 'none' }, null).probe(1000), null);
});

test('a command that throws is a failed probe, not a failed daemon', async () => {
  const made = createProber({ kind: 'command', command: ['check', '-a'] }, null, async () => {
    throw new Error('runc is gone');
  });
  assert.equal(await made.probe(1000), 'check -a: runc is gone');
});
