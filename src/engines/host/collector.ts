/** Where logs are shipped to: a file, syslog (RFC 5424), or an HTTP collector that takes JSON lines. */
import { createSocket } from 'node:dgram';
import { appendFile, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';

import { environmentOf, fleetOf, groupOf, serviceOf, type ContainerId } from '../../domain/ids.ts';
import type { LogShipping } from '../../domain/release.ts';
import { run } from '../../platform/exec.ts';
import type { LogLine } from './log-lines.ts';

export interface Collector {
  /** Throws for what may work later; the reason for what was refused for good; null when all is taken. */
  send(lines: readonly LogLine[], signal: AbortSignal): Promise<string | null>;
  close(): void;
}

export function openCollector(ship: LogShipping, id: ContainerId): Collector {
  if (ship.kind === 'file') return fileCollector(ship.path, id);
  if (ship.kind === 'http') return httpCollector(ship.url, id);
  return 'socket' in ship.to ? localSyslog(ship.to.socket, id) : udpSyslog(ship.to.host, ship.to.port, id);
}

const iso = (at: number): string => new Date(at).toISOString();

function fileCollector(path: string, id: ContainerId): Collector {
  return {
    send: async (lines) => {
      await mkdir(dirname(path), { recursive: true });
      await appendFile(path, lines.map(({ at, stream, text }) => `${iso(at)} ${id} ${stream} ${text}\n`).join(''));
      return null;
    },
    close: () => {},
  };
}

const HTTP_TIMEOUT_MS = 10_000;
/** Lines of one request: a batch read from a file can be a quarter of a megabyte of short ones. */
const HTTP_LINES = 1000;

function httpCollector(url: string, id: ContainerId): Collector {
  const fleet = fleetOf(groupOf(id));
  const labels = { service: serviceOf(fleet), environment: environmentOf(fleet), instance: id };
  const post = async (lines: readonly LogLine[], signal: AbortSignal): Promise<string | null> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map(({ at, stream, text }) => `${JSON.stringify({ at: iso(at), ...labels, stream, text })}\n`).join(''),
      signal: AbortSignal.any([signal, AbortSignal.timeout(HTTP_TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (response.ok) return null;
    const answer = `${new URL(url).host} answered ${response.status}`;
    if (isForGood(response.status)) return answer;
    throw new Error(answer);
  };
  return {
    send: async (lines, signal) => {
      let refused: string | null = null;
      for (let at = 0; at < lines.length; at += HTTP_LINES) refused ??= await post(lines.slice(at, at + HTTP_LINES), signal);
      return refused;
    },
    close: () => {},
  };
}

/** The same request again would fail again: malformed or too large. Anything else (credentials, load) may be mended. */
const isForGood = (status: number): boolean => [400, 413, 415, 422].includes(status);

/** local0, and its severities: stdout is informational, stderr an error (RFC 5424, 6.2.1). */
const PRIORITY = { stdout: 16 * 8 + 6, stderr: 16 * 8 + 3 } as const;
/** What any receiver must take over UDP, and most do (RFC 5426, 3.2). */
const DATAGRAM_BYTES = 2048;

function udpSyslog(host: string, port: number, id: ContainerId): Collector {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.unref();
  socket.on('error', () => {}); // The error of each message goes to its sender.
  return {
    send: async (lines) => {
      for (const line of lines) {
        const message = Buffer.from(syslogMessage(line, id)).subarray(0, DATAGRAM_BYTES);
        await new Promise<void>((resolve, reject) => {
          socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error)));
        });
      }
      return null;
    },
    close: () => socket.close(),
  };
}

export function syslogMessage({ at, stream, text }: LogLine, id: ContainerId): string {
  return `<${PRIORITY[stream]}>1 ${iso(at)} ${hostname()} ${serviceOf(fleetOf(groupOf(id)))} - ${id.slice(-32)} - ${text}`;
}

/** Local sockets take datagrams, which Node can't send: logger(1), part of every Debian, does. */
function localSyslog(socket: string, id: ContainerId): Collector {
  const service = serviceOf(fleetOf(groupOf(id)));
  const args = [
    '--socket',
    socket,
    '--rfc5424',
    '--tag',
    service,
    '--msgid',
    id.slice(-32),
    '--prio-prefix',
    '--socket-errors=on',
  ];
  return {
    send: async (lines) => {
      const input = lines.map(({ stream, text }) => `<${PRIORITY[stream]}>${text}\n`).join('');
      await run('logger', args, { input });
      return null;
    },
    close: () => {},
  };
}
