/**
 * An app for the tests, a process of its own: `node backend.ts NAME [IDLE_MS [DELAY_MS]]` prints its port. It answers with its
 * name, after the delay or when it is told to (`?hold`, then any message of its parent), and counts the requests that reached
 * it, by what they call themselves (`?id=`).
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';

const [, , name = 'app', idleMs = '60000', always = '0'] = process.argv;
const closesAfterMs = Number(idleMs);
let last: IncomingHttpHeaders = {};
const reached = new Map<string, number>();
const held: (() => void)[] = [];

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://app');
  if (url.pathname === '/last') return void response.end(JSON.stringify(last));
  if (url.pathname !== '/healthz') last = request.headers;
  if (url.pathname === '/reached') return void response.end(JSON.stringify(Object.fromEntries(reached)));
  const id = url.searchParams.get('id');
  if (id !== null) reached.set(id, (reached.get(id) ?? 0) + 1);
  request.resume();
  // Node's own keepAliveTimeout can't be this rude: it leaves a second for requests that are on their way.
  if (closesAfterMs < 1_000)
    response.on('finish', () => setTimeout(() => request.socket.destroy(), Math.random() * closesAfterMs));
  request.on('end', () => {
    if (url.pathname === '/die') return process.kill(process.pid, 'SIGKILL');
    if (url.pathname === '/headers') return void response.end(JSON.stringify(request.headers));
    response.statusCode = Number(url.searchParams.get('status') ?? 200);
    if (url.pathname === '/healthz') return void response.end(name);
    const delayMs = Number(url.searchParams.get('delay') ?? always);
    if (url.pathname === '/events') response.setHeader('Content-Type', 'text/event-stream');
    if (url.pathname === '/stream' || url.pathname === '/events') response.write('first\n');
    if (url.searchParams.has('hold')) held.push(() => response.end(name));
    else if (delayMs === 0) response.end(name);
    else setTimeout(() => response.end(name), delayMs);
  });
});

/** RFC 6455, 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A WebSocket as far as a load balancer can tell: upgraded, then echoing. */
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`).digest('base64');
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('end', () => socket.end());
  socket.on('error', () => {});
});

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
process.on('message', () => {
  for (const answer of held.splice(0)) answer();
});
process.on('disconnect', () => process.exit());
