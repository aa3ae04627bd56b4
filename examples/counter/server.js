// Counts by appending lines to one file: what only one process may do at a time. Node alone, no dependencies.
const { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } = require('node:fs');
const { createServer } = require('node:http');

const path = process.env.COUNTER_FILE ?? '/data/counter.log';
const port = Number(process.env.PORT ?? 3000);

const file = openSync(path, 'a');
let count = readFileSync(path, 'utf8').split('\n').filter(Boolean).length;

// Durable before it is answered: a count that a client has seen is never lost.
function add() {
  count += 1;
  appendFileSync(file, `${count} ${new Date().toISOString()}\n`);
  fsyncSync(file);
  return count;
}

const server = createServer((request, response) => {
  const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  request.resume();
  if (request.url === '/healthz') return answer(200, { healthy: true });
  if (request.url !== '/') return answer(404, { error: 'not found' });
  if (request.method === 'POST') return answer(200, { count: add() });
  return answer(200, { count });
});

server.listen(port, () => console.log(JSON.stringify({ message: 'listening', port, count })));

process.on('SIGTERM', () => {
  server.close(() => {
    closeSync(file);
    process.exit(0);
  });
  server.closeIdleConnections();
});
