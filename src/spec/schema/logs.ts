/** `logs:`: rotation, and where the output of instances is shipped. */
import type { SyslogTarget } from '../../domain/release.ts';
import { readHostPort } from '../units.ts';
import { count, isPlainPath, leaf, path, size } from './fields.ts';
import { oneOf } from './sections.ts';

const TCP = 'tcp://';

const syslog = leaf<SyslogTarget>(
  (value) => {
    const expected = 'tcp://logs.example:601, logs.example:514 (UDP), or the path of a socket such as /dev/log';
    if (typeof value !== 'string') return { ok: false, expected };
    if (isPlainPath(value)) return { ok: true, value: { socket: value } };
    if (!value.startsWith(TCP)) return readHostPort(value, expected);
    const target = readHostPort(value.slice(TCP.length), expected);
    return target.ok ? { ok: true, value: { ...target.value, transport: 'tcp' } } : target;
  },
  { type: 'string', examples: ['/dev/log', 'logs.example:514', 'tcp://logs.example:601'] },
);

export const url = leaf(
  (value) =>
    typeof value === 'string' && isCollector(value)
      ? { ok: true, value }
      : { ok: false, expected: 'an http:// or https:// address without a user and password in it' },
  { type: 'string', format: 'uri', examples: ['https://logs.example/ingest'] },
);

/** A password in it would stand in the release, and so in the history (law 10). */
function isCollector(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && ['http:', 'https:'].includes(parsed.protocol) && parsed.username === '' && parsed.password === '';
}

export const LOGS = {
  'max-size': size(4096, '4KiB').describe('A log file that has grown to this is rotated.').prefault('10MB'),
  keep: count(1, 100).describe('Files kept of each instance.').prefault(5),
  ship: oneOf({
    file: path.describe('Appended to this file of the machine.').optional(),
    syslog: syslog
      .describe(
        'Sent as RFC 5424: to a local socket, over TCP (octet counting), or over UDP, where nobody sees what is lost and lines are cut at 2 KiB.',
      )
      .optional(),
    http: url.describe('POSTed as batches of JSON lines.').optional(),
  })
    .describe('Where else the output goes. Default: nowhere.')
    .optional(),
};
