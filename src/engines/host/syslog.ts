/** Syslog (RFC 5424) over the network: UDP as RFC 5426 says, TCP with octet counting as RFC 6587, 3.4.1 says. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';

import { fleetOf, groupOf, serviceOf, type ContainerId } from '../../domain/ids.ts';
import type { Collector } from './collecting.ts';
import type { LogLine } from './log-lines.ts';

interface Receiver {
  readonly host: string;
  readonly port: number;
}

/** local0, and its severities: stdout is informational, stderr an error (RFC 5424, 6.2.1). */
export const PRIORITY = { stdout: 16 * 8 + 6, stderr: 16 * 8 + 3 } as const;
/** What any receiver must take over UDP, and most do (RFC 5426, 3.2). */
const DATAGRAM_BYTES = 2048;
const CONNECT_MS = 10_000;

function syslogMessage({ at, stream, text }: LogLine, id: ContainerId): string {
  const service = serviceOf(fleetOf(groupOf(id)));
  return `<${PRIORITY[stream]}>1 ${new Date(at).toISOString()} ${hostname()} ${service} - ${id.slice(-32)} - ${text}`;
}

/** What is too long for a datagram is cut, and told: once, and then whenever there are ten times as many. */
export function udpSyslog({ host, port }: Receiver, id: ContainerId): Collector {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.unref();
  socket.on('error', () => {}); // The error of each message goes to its sender.
  const cuts = { count: 0, tellAt: 1 };
  return {
    send: async (lines) => {
      for (const line of lines) {
        const message = Buffer.from(syslogMessage(line, id));
        if (message.length > DATAGRAM_BYTES) cuts.count += 1;
        await new Promise<void>((resolve, reject) => {
          socket.send(cutAt(message, DATAGRAM_BYTES), port, host, (error) => (error === null ? resolve() : reject(error)));
        });
      }
      if (cuts.count < cuts.tellAt) return null;
      cuts.tellAt = cuts.count * 10;
      return `${cuts.count} of its lines so far were cut at ${DATAGRAM_BYTES} bytes, which is what UDP carries; syslog: tcp://… carries them whole`;
    },
    close: () => socket.close(),
  };
}

/** Between two characters. */
function cutAt(bytes: Buffer, most: number): Buffer {
  let end = Math.min(bytes.length, most);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

/**
 * One connection, made again when it was lost. The protocol has no answers: what was under way when the receiver went
 * away may be lost with it, and what was not given to the kernel is sent again.
 */
export function tcpSyslog(receiver: Receiver, id: ContainerId): Collector {
  let socket: Socket | null = null;
  return {
    send: async (lines, signal) => {
      const framed = lines.map((line) => {
        const message = syslogMessage(line, id);
        return `${Buffer.byteLength(message)} ${message}`;
      });
      if (socket?.writable !== true) socket = await connected(receiver, signal);
      await written(socket, framed.join(''), signal);
      return null;
    },
    close: () => void socket?.end(),
  };
}

function connected({ host, port }: Receiver, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]) });
    socket.unref();
    // Its end is seen only by who reads; what a receiver says means nothing.
    socket.resume();
    socket.once('end', () => socket.destroy());
    socket.once('connect', () => resolve(socket));
    socket.on('error', reject);
  });
}

/** A receiver that takes nothing more is told from a slow one by nobody: it has as long as a connection may take. */
function written(socket: Socket, text: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => void socket.destroy(new Error('the receiver takes nothing more'));
    const tooLong = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
    tooLong.addEventListener('abort', stop, { once: true });
    socket.write(text, (error) => {
      tooLong.removeEventListener('abort', stop);
      if (error == null) resolve();
      else reject(error);
    });
  });
}
