/** Where logs are shipped to: a file, syslog (RFC 5424), or an HTTP collector that takes JSON lines. */
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { environmentOf, fleetOf, groupOf, serviceOf, type ContainerId } from '../../domain/ids.ts';
import type { LogShipping } from '../../domain/release.ts';
import { run } from '../../platform/exec.ts';
import type { Collector } from './collecting.ts';
import type { LogLine } from './log-lines.ts';
import { PRIORITY, tcpSyslog, udpSyslog } from './syslog.ts';

export function openCollector(ship: LogShipping, id: ContainerId): Collector {
  if (ship.kind === 'file') return fileCollector(ship.path, id);
  if (ship.kind === 'http') return httpCollector(ship.url, id);
  if ('socket' in ship.to) return localSyslog(ship.to.socket, id);
  return ship.to.transport === 'tcp' ? tcpSyslog(ship.to, id) : udpSyslog(ship.to, id);
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
    if (isForGood(response.status)) return `${answer}; these lines are left out`;
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

/** More than a line of a log can have. */
const LOCAL_BYTES = 128 << 10;

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
    // Its default cuts lines at 1 KiB.
    '--size',
    String(LOCAL_BYTES),
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
