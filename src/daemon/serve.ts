/** The store as a registry: for as long as a caller stays, or as long as the daemon runs by `serve` of registries.yaml. */
import { readFile } from 'node:fs/promises';

import type { Logger } from 'pino';

import type { Handlers } from '../api/schema.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { serveStore, type ServeOptions, type StoreServer } from '../registry/server/server.ts';
import type { Parts } from './parts.ts';
import { isPublishable } from './publishable.ts';

type Serve = Handlers['serve'];

/** `HOST:PORT`, `[ADDRESS]:PORT`, or a port on this machine's loopback. */
const LISTEN = /^(?:(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):)?([0-9]{1,5})$/;

export async function serve(
  parts: Parts,
  { listen, tls }: Parameters<Serve>[0],
  { signal, emit }: Parameters<Serve>[1],
): Promise<Record<string, never>> {
  const certificate = tls === undefined ? null : { cert: await readPem(tls.cert), key: await readPem(tls.key) };
  const onRequest: ServeOptions['onRequest'] = (told) => void emit({ kind: 'request', ...told });
  const server = await serveStore(parts.images, {
    ...addressOf(listen),
    tls: certificate,
    onRequest,
    isOffered: offeredBy(parts),
  });
  try {
    await emit({ kind: 'listening', host: server.host, port: server.port, tls: certificate !== null });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return {};
  } finally {
    await server.close();
  }
}

/** Null where nothing is set. A setting that can't be followed is said in the log: fleets matter more. */
export async function serveBySetting(parts: Parts, log: Logger): Promise<StoreServer | null> {
  try {
    const { serve: listen } = await parts.registries.file();
    if (listen === null) return null;
    const server = await serveStore(parts.images, {
      ...addressOf(listen),
      tls: null,
      onRequest: () => {},
      isOffered: offeredBy(parts),
    });
    log.info({ host: server.host, port: server.port }, 'serving the store as a registry');
    return server;
  } catch (error) {
    log.error({ err: error }, 'the store is not served');
    return null;
  }
}

const offeredBy =
  (parts: Parts): ServeOptions['isOffered'] =>
  (image) =>
    isPublishable(parts, image);

function addressOf(listen: string): { host: string; port: number } {
  const [, address, host, port = ''] = LISTEN.exec(listen) ?? [];
  if (port !== '' && Number(port) <= 65_535) return { host: address ?? host ?? '127.0.0.1', port: Number(port) };
  throw new KilnError('USAGE', `"${listen}" is no address to listen on`, {
    hint: 'write it as HOST:PORT, as in 127.0.0.1:5070',
  });
}

function readPem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be read: ${messageOf(cause)}`, {
      hint: 'name the certificate and its key as PEM files that the daemon may read',
      cause,
    });
  });
}
