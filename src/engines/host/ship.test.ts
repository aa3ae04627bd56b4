import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { requires } from '../../../test/requires.ts';
import type { LogShipping } from '../../domain/release.ts';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { kilnHome } from '../../platform/home.ts';
import { placesOf } from './places.ts';
import { openShipping, type Shipping } from './ship.ts';
import { instance, until } from './testing/host-fixture.ts';

const A = instance('aaaaaa');

interface Place {
  readonly root: string;
  readonly log: string;
  readonly folder: string;
  readonly reports: string[];
  readonly write: (text: string, stream?: 'stdout' | 'stderr') => void;
  readonly open: () => Promise<Shipping>;
}

/** Time in which an hour passes at once. */
function hurryingClock(): Clock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + ahead,
    sleep: async (ms, signal) => {
      ahead += ms;
      await systemClock.sleep(1, signal);
    },
  };
}
const hurried = hurryingClock();

function place(t: TestContext, clock: Clock = systemClock): Place {
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-ship-')) }, 0);
  t.after(() => rmSync(home.root, { recursive: true }));
  const places = placesOf(home);
  const reports: string[] = [];
  mkdirSync(places.instance(A), { recursive: true });
  mkdirSync(join(places.log(A), '..'), { recursive: true });
  return {
    root: home.root,
    log: places.log(A),
    folder: places.instance(A),
    reports,
    write: (text, stream = 'stdout') => appendFileSync(places.log(A), `2026-11-21T06:06:51.425+00:00 ${stream} F ${text}\n`),
    open: async () => {
      const shipping = await openShipping({
        logs: home.logs,
        places,
        clock,
        report: (message) => reports.push(message),
      });
      t.after(() => shipping.close());
      return shipping;
    },
  };
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

test('a new daemon goes on where the last one was, and the shipment ends with the instance', async (t) => {
  const { root, log, folder, write, open } = place(t);
  const target = join(root, 'shipped', 'all.log');
  const first = await open();
  await first.begin(A, { kind: 'file', path: target });
  write('one');
  await until(async () => (read(`${log}.shipment`).includes('"offset":') && read(target).includes('one') ? true : null));
  await first.close();
  write('two');
  const second = await open();
  await until(async () => (read(target).includes('two') ? true : null));
  write('three');
  rmSync(folder, { recursive: true });
  await until(async () => (existsSync(`${log}.shipment`) ? null : true));
  await second.close();
  const lines = read(target).trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(' ').at(-1)),
    ['one', 'two', 'three'],
  );
  assert.equal(lines[0], `2026-11-21T06:06:51.425Z ${A} stdout one`);
});

test('what a collector does not take is sent again, and only what it refuses for good is left out', async (t) => {
  const { write, open, reports } = place(t);
  const answers = [503, 200, 400, 200];
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(answers[bodies.length - 1] ?? 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.after(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const shipping = await open();
  await shipping.begin(A, { kind: 'http', url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/in` });
  const sent = (count: number): Promise<true> => until(async () => (bodies.length >= count ? true : null));
  write('one');
  await sent(2);
  write('two');
  await sent(3);
  write('three');
  await sent(4);
  await shipping.close();
  const parsed = bodies.map((body) => (JSON.parse(body) as { text: string }).text);
  assert.deepEqual(parsed, ['one', 'one', 'two', 'three']);
  assert.deepEqual(JSON.parse(bodies[0] ?? ''), {
    at: '2026-11-21T06:06:51.425Z',
    service: 'web',
    environment: 'local',
    instance: A,
    stream: 'stdout',
    text: 'one',
  });
  assert.equal(reports.length, 2, reports.join('\n'));
});

test('syslog messages are those of RFC 5424', async (t) => {
  const { write, open } = place(t);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  const received: string[] = [];
  socket.on('message', (message) => received.push(message.toString()));
  const ship: LogShipping = { kind: 'syslog', to: { host: '127.0.0.1', port: socket.address().port } };
  const shipping = await open();
  await shipping.begin(A, ship);
  write('hello');
  write('oh no', 'stderr');
  await until(async () => (received.length === 2 ? true : null));
  assert.match(received[0] ?? '', /^<134>1 2026-11-21T06:06:51\.425Z \S+ web - web\.local\.r1\.aaaaaa - hello$/);
  assert.match(received[1] ?? '', /^<131>1 .* oh no$/);
});

test('a line that is too long for UDP is cut between two characters, counted and told', async (t) => {
  const { write, open, reports } = place(t);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  const received: Buffer[] = [];
  socket.on('message', (message) => received.push(message));
  const shipping = await open();
  await shipping.begin(A, { kind: 'syslog', to: { host: '127.0.0.1', port: socket.address().port } });
  for (const text of ['short', 'ü'.repeat(3000), 'xü'.repeat(3000)]) write(text);
  await until(async () => (received.length === 3 && reports.length > 0 ? true : null));
  for (const message of received.slice(1)) {
    assert.ok(message.length >= 2047 && message.length <= 2048, String(message.length));
    assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(message));
  }
  assert.match(reports.join('\n'), /[12] of its lines so far were cut at 2048 bytes/);
});

/** What a receiver of RFC 6587's octet counting reads. */
function frames(stream: Buffer): readonly string[] {
  const found: string[] = [];
  for (let rest = stream; rest.length > 0;) {
    const space = rest.indexOf(' ');
    const end = space + 1 + Number(rest.subarray(0, space).toString());
    if (space < 0 || end > rest.length) break;
    found.push(rest.subarray(space + 1, end).toString());
    rest = rest.subarray(end);
  }
  return found;
}

test('over TCP lines of any length arrive whole, in order, and again after the receiver was away', async (t) => {
  const { write, open } = place(t);
  const streams: Buffer[] = [];
  const sockets: Socket[] = [];
  const receiver = createTcpServer((socket) => {
    const index = streams.push(Buffer.alloc(0)) - 1;
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => (streams[index] = Buffer.concat([streams[index] ?? Buffer.alloc(0), chunk])));
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    receiver.close();
  });
  const shipping = await open();
  await shipping.begin(A, { kind: 'syslog', to: { host: '127.0.0.1', port, transport: 'tcp' } });
  const texts = ['short', 'ü'.repeat(10_000), 'after'];
  for (const text of texts) write(text);
  const said = (): readonly string[] => streams.flatMap(frames).map((message) => message.slice(message.indexOf(' - ', 60) + 3));
  await until(async () => (said().length === 3 ? true : null));
  assert.deepEqual(
    said().map((text) => text.split(' ').at(-1)),
    texts,
  );
  sockets[0]?.end();
  await once(sockets[0] as Socket, 'close');
  write('back again');
  await until(async () => (said().length === 4 ? true : null));
  assert.equal(streams.length, 2);
});

test('for what an instance that is gone has left, a collector that stays away is given up on', async (t) => {
  const { write, open, reports, log, folder } = place(t, hurried);
  write('lost');
  const shipping = await open();
  await shipping.begin(A, { kind: 'syslog', to: { host: '127.0.0.1', port: 1, transport: 'tcp' } });
  await until(async () => (reports.length > 0 ? true : null));
  rmSync(folder, { recursive: true });
  await until(async () => (existsSync(`${log}.shipment`) ? null : true));
  assert.match(reports.at(-1) ?? '', /gone for an hour, and the rest of it is given up/);
});

/** Takes datagrams at the path given, as /dev/log does (Node has no such sockets), and prints each on a line. */
const RECEIVER = `use Socket; $| = 1;
  socket(my $log, PF_UNIX, SOCK_DGRAM, 0) or die; bind($log, sockaddr_un($ARGV[0])) or die; print "ready\n";
  while (defined recv($log, my $message, 65536, 0)) { print "$message\n" }`;

test("the machine's own socket of syslog gets each line", requires('logger', 'perl'), async (t) => {
  const { root, write, open, reports } = place(t);
  const path = join(root, 'log.sock');
  const receiver = spawn('perl', ['-e', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => receiver.kill('SIGKILL'));
  let received = '';
  receiver.stdout.on('data', (chunk: Buffer) => (received += chunk.toString()));
  await until(async () => (received.startsWith('ready') ? true : null));
  const shipping = await open();
  await shipping.begin(A, { kind: 'syslog', to: { socket: path } });
  write('hello');
  write('oh no', 'stderr');
  const lines = await until(async () => {
    const said = received.trimEnd().split('\n').slice(1);
    return said.length === 2 ? said : null;
  });
  assert.match(lines[0] ?? '', /^<134>1 \S+ \S+ web - web\.local\.r1\.aaaaaa (?:-|\[.*\]) hello$/);
  assert.match(lines[1] ?? '', /^<131>1 .* oh no$/);
  assert.deepEqual(reports, []);
});
