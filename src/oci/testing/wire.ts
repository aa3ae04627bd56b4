/** A line to a port of this machine that counts what goes over it, both ways, and can be slow. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';

export interface Wire extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  bytes: number;
}

/** `bytesPerSecond`: of each direction of each connection. */
export async function openWire(port: number, bytesPerSecond = Number.POSITIVE_INFINITY): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.once('close', () => sockets.delete(from));
      void carry(from, to).finally(() => to.destroy());
    }
  });
  const carry = async (from: Socket, to: Socket): Promise<void> => {
    try {
      for await (const piece of from) {
        const { length } = piece as Buffer;
        wire.bytes += length;
        if (Number.isFinite(bytesPerSecond)) await sleep((1000 * length) / bytesPerSecond);
        if (!to.write(piece as Buffer)) await once(to, 'drain');
      }
      to.end();
      await once(to, 'close');
    } catch {
      // One of the two has gone: the other goes, too.
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const wire: Wire = {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    bytes: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return wire;
}
