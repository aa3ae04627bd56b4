// A web service with what a replacement meets in practice: short and slow answers, posts, streams and WebSockets.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

import compression from 'compression';
import express from 'express';
import helmet from 'helmet';
import { WebSocketServer } from 'ws';

// Baked in, not configured: what an image says of itself can't differ from what it is.
const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8').trim();
const port = Number(process.env.PORT ?? 3000);

// So that a rollout can be seen to fail: HEALTH=fail answers 503 for ever.
const healthy = process.env.HEALTH !== 'fail' && !version.includes('broken');

const app = express();
app.disable('x-powered-by');
app.use(helmet());
app.use(compression());

let stopping = false;
app.use((request, response, next) => {
  // The last answer on a kept connection closes it, so that the client's next request goes to another instance.
  if (stopping) response.set('connection', 'close');
  response.set('x-version', version);
  next();
});

const millisecondsIn = (request, otherwise, most) => Math.min(Math.max(Number(request.query.ms ?? otherwise) || 0, 0), most);

app.get('/', (request, response) => {
  response.json({ service: 'web', version, instance: hostname() });
});

app.get('/healthz', (request, response) => {
  response.status(healthy ? 200 : 503).json({ healthy, version });
});

app.post('/echo', express.text({ type: () => true, limit: '1mb' }), (request, response) => {
  response.type(request.get('content-type') ?? 'text/plain').send(request.body);
});

app.get('/slow', (request, response) => {
  const ms = millisecondsIn(request, 1000, 60_000);
  setTimeout(() => response.json({ version, ms }), ms);
});

// One line every 100 ms; the last is `end`, so that a reader can tell a whole stream from one that was cut.
app.get('/stream', (request, response) => {
  const until = Date.now() + millisecondsIn(request, 2000, 600_000);
  response.type('text/plain').set('cache-control', 'no-transform');
  const timer = setInterval(() => {
    if (Date.now() < until) return response.write(`${version} ${new Date().toISOString()}\n`);
    clearInterval(timer);
    response.end('end\n');
  }, 100);
  response.on('close', () => clearInterval(timer));
});

const server = createServer(app);
server.keepAliveTimeout = 75_000; // Longer than the load balancer's, so that it is the one that closes.

const sockets = new WebSocketServer({ server, path: '/socket' });
sockets.on('connection', (socket) => {
  socket.send(JSON.stringify({ version }));
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});

server.listen(port, () => console.log(JSON.stringify({ message: 'listening', port, version })));

// What is in flight is finished; idle connections are closed; WebSockets are told to come back.
process.on('SIGTERM', () => {
  if (stopping) return;
  stopping = true;
  console.log(JSON.stringify({ message: 'stopping', version }));
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  for (const socket of sockets.clients) socket.close(1012, 'replaced');
});
