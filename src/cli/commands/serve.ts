import { resolve } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import type { ServeEventBody } from '../../client/client.ts';
import type { Context, Run } from '../command.ts';
import { bytes, counted } from '../render/amounts.ts';
import { harmless } from '../terminal.ts';

const DEFAULT_LISTEN = '127.0.0.1:5070';

export const run: Run = async (args, context) => {
  const [cert, key] = [args.text('cert'), args.text('key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new KilnError('USAGE', 'a certificate needs its key, and the other way round', { hint: 'give both --cert and --key' });
  }
  const tls =
    cert === undefined || key === undefined ? {} : { tls: { cert: resolve(context.cwd, cert), key: resolve(context.cwd, key) } };
  const client = await context.connect();
  const total = { requests: 0, bytes: 0 };
  try {
    for await (const event of client.serve({ listen: args.text('listen') ?? DEFAULT_LISTEN, ...tls })) {
      if (event.kind === 'request') {
        total.requests += 1;
        total.bytes += event.bytes;
      }
      if (!context.json) context.terminal.write(`${lineOf(event, context)}\n`);
    }
  } catch (error) {
    // Ctrl-C is the way to end it.
    if (!context.signal.aborted) throw error;
  }
  return { document: total, lines: [`${counted(total.requests, 'request')}, ${bytes(total.bytes)} sent`] };
};

function lineOf(event: ServeEventBody, { terminal }: Context): string {
  if (event.kind === 'request') {
    const { method, path, status } = event;
    return `${terminal.paint(status < 400 ? 'green' : 'yellow', String(status))} ${harmless(method)} ${harmless(path)}   ${bytes(event.bytes)}`;
  }
  const { host, port, tls } = event;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const isOpen = !tls && !/^(?:127\.|::1$)/.test(host);
  const warning = isOpen ? '\n  without TLS: give --cert and --key where others could listen in or answer instead' : '';
  return `serving the images read-only at ${address}${warning}`;
}
