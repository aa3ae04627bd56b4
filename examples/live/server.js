// WebSockets that say where they are and echo, and a stream of events. Node alone, no dependencies: short texts only, no fragments.
const { createHash } = require('node:crypto');
const { createServer } = require('node:http');
const { hostname } = require('node:os');

const port = Number(process.env.PORT ?? 3000);
// RFC 6455, 1.3.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];

const server = createServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const send = () => response.write(`data: ${new Date().toISOString()} from ${hostname()}\n\n`);
    const timer = setInterval(send, 1000);
    response.on('close', () => clearInterval(timer));
    return send();
  }
  const known = request.url === '/' || request.url === '/healthz';
  return response.writeHead(known ? 200 : 404, { 'content-type': 'text/plain' }).end(known ? 'live\n' : 'not found\n');
});

server.on('upgrade', (request, socket) => {
  socket.on('error', () => socket.destroy());
  const key = request.headers['sec-websocket-key'];
  if (key === undefined) return socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  const accept = createHash('sha1').update(key + GUID).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  send(socket, TEXT, Buffer.from(hostname()));
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    for (let frame = frameOf(held); frame !== null; frame = frameOf(held)) {
      held = held.subarray(frame.size);
      answer(socket, frame);
    }
    if (held.length > 1 && (held[1] & 0x7f) > 125) socket.destroy();
  });
});

// A client's frame (RFC 6455, 5.2): masked, of up to 125 bytes. Null: not whole yet.
function frameOf(bytes) {
  if (bytes.length < 6) return null;
  const length = bytes[1] & 0x7f;
  const size = 6 + length;
  if (length > 125 || bytes.length < size) return null;
  const mask = bytes.subarray(2, 6);
  return { opcode: bytes[0] & 0x0f, size, payload: bytes.subarray(6, size).map((byte, index) => byte ^ mask[index % 4]) };
}

const send = (socket, opcode, body) => socket.write(Buffer.concat([Buffer.from([0x80 | opcode, body.length]), body]));

function answer(socket, { opcode, payload }) {
  if (opcode === TEXT) send(socket, TEXT, payload);
  if (opcode === PING) send(socket, PONG, payload);
  if (opcode === CLOSE) {
    send(socket, CLOSE, payload);
    socket.end();
  }
}

server.listen(port, () => console.log(JSON.stringify({ message: 'listening', port })));

process.on('SIGTERM', () => process.exit(0));
