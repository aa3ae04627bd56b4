/**
 * The store over the OCI distribution API, read only, for any container tool. Everything else is 405. It holds only what one
 * request needs in memory, and its connections, streams and waits are bounded.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server as PlainServer, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Digest } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../oci/media-types.ts';
import type { ImageStore } from '../../oci/store.ts';
import { Catalogue } from './catalogue.ts';
import { DeltaAnswers } from './delta-answers.ts';
import { type Asked, askedBy, ERRORS, type ErrorName, oldNamesOf, pageOf, rangeOf } from './routes.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. Null: without TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Asked for each image each time: what it says may change. Those that are not offered are not there. */
  readonly isOffered: (image: Digest) => Promise<boolean>;
  /** Called when a request has been answered. `path` is a stranger's text. */
  readonly onRequest: (told: { method: string; path: string; status: number; bytes: number }) => void;
}

export interface StoreServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS = 256;
const STREAMS = 64;
const HEAD_MS = 10_000;
/** A list of chunks on a slow line. */
const REQUEST_MS = 120_000;
/** A reader who takes nothing for so long is gone. */
const IDLE_MS = 60_000;
const PAGE = 1_000;

/** Throws PORT_IN_USE, or USAGE for an address that is none of this machine's. */
export async function serveStore(store: ImageStore, options: ServeOptions): Promise<StoreServer> {
  const { host, port, tls, onRequest, isOffered } = options;
  const catalogue = new Catalogue(store, isOffered);
  const deltas = new DeltaAnswers(store, catalogue);
  const answers = new Answers(catalogue, deltas);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const { socket } = request;
    const before = socket.bytesWritten;
    response.once('close', () => {
      const bytes = socket.bytesWritten - before;
      onRequest({ method: request.method ?? '', path, status: response.statusCode, bytes });
    });
    void answers.answer(request, response);
  };
  const server: PlainServer = tls === null ? createServer(listener) : createTlsServer(tls, listener);
  Object.assign(server, { maxConnections: CONNECTIONS, headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS });
  server.setTimeout(IDLE_MS, (socket) => socket.destroy());
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await deltas.close();
    },
  };
}

function listen(server: PlainServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE';
      reject(
        new KilnError(isTaken ? 'PORT_IN_USE' : 'USAGE', `the store can't be served at ${host}:${port}: ${cause.code}`, {
          hint: isTaken ? 'choose another port with --listen' : 'name an address of this machine with --listen HOST:PORT',
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

const DELTA_ERRORS: Readonly<Record<'unknown' | 'busy' | 'wrong', readonly [ErrorName, string]>> = {
  unknown: ['BLOB_UNKNOWN', 'there is no such blob, or none of the old ones'],
  busy: ['TOOMANYREQUESTS', 'too many blobs are being read'],
  wrong: ['SIZE_INVALID', 'this is no list of chunks'],
};

class Answers {
  readonly #catalogue: Catalogue;
  readonly #deltas: DeltaAnswers;
  #streams = 0;

  constructor(catalogue: Catalogue, deltas: DeltaAnswers) {
    this.#catalogue = catalogue;
    this.#deltas = deltas;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    response.setHeader('x-content-type-options', 'nosniff');
    try {
      const [path = '', query = ''] = (request.url ?? '').split('?', 2);
      const asked = askedBy(path);
      // A list of chunks is told by POST, since it can be long; nothing is written by it.
      const methods = asked.kind === 'delta' ? ['GET', 'POST'] : ['GET', 'HEAD'];
      if (!methods.includes(request.method ?? '')) {
        response.setHeader('allow', methods.join(', '));
        // What is sent is not read: the connection ends with the answer.
        response.setHeader('connection', 'close');
        return fail(response, 'UNSUPPORTED', 'this registry is read-only');
      }
      await this.#route(asked, new URLSearchParams(query), request, response);
    } catch {
      // Also where the reader has gone in the middle of a blob.
      if (response.headersSent) response.destroy();
      else fail(response, 'UNKNOWN', 'the store could not be read');
    }
  }

  async #route(asked: Asked, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (asked.kind) {
      case 'wrong':
        return fail(response, asked.code, asked.message);
      case 'base':
        return sendJson(response, {});
      case 'catalog':
        return sendPage(response, '/v2/_catalog', 'repositories', await this.#catalogue.repositories(), query, {});
      case 'tags': {
        const { repository: name } = asked;
        const tags = await this.#catalogue.tags(name);
        if (tags === null) return fail(response, 'NAME_UNKNOWN', 'there is no such repository');
        return sendPage(response, `/v2/${name}/tags/list`, 'tags', tags, query, { name });
      }
      case 'manifest': {
        const found = await this.#catalogue.manifest(asked.repository, asked.reference);
        if (found === null) return fail(response, 'MANIFEST_UNKNOWN', 'there is no such image');
        response.setHeader('docker-content-digest', found.digest);
        response.setHeader('etag', `"${found.digest}"`);
        response.setHeader('kiln-delta', '2');
        if (isKnown(request, found.digest)) return void response.writeHead(304).end();
        return send(response, found.mediaType, found.bytes);
      }
      case 'referrers':
        return this.#referrers(asked.digest, query.get('artifactType'), response);
      case 'delta':
        return this.#delta(asked.digest, query, request, response);
      case 'blob':
        return this.#blob(asked.digest, request, response);
    }
  }

  async #referrers(digest: Parameters<Catalogue['referrers']>[0], type: string | null, response: ServerResponse): Promise<void> {
    const all = await this.#catalogue.referrers(digest);
    const wanted = all.filter(({ artifactType }) => type === null || artifactType === type);
    const manifests = wanted.map(({ digest: each, size, artifactType, annotations }) => ({
      mediaType: OCI_MANIFEST,
      digest: each,
      size,
      artifactType,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    }));
    if (type !== null) response.setHeader('oci-filters-applied', 'artifactType');
    send(response, OCI_INDEX, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })));
  }

  async #delta(digest: Digest, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isTold = request.method === 'POST';
    const answer = await (isTold ? this.#deltas.fromList(digest, request) : this.#deltas.fromNames(digest, oldNamesOf(query)));
    if (typeof answer === 'string') return fail(response, ...DELTA_ERRORS[answer]);
    if (this.#streams >= STREAMS) return fail(response, ...DELTA_ERRORS.busy);
    this.#streams += 1;
    try {
      response.writeHead(200, { 'content-type': 'application/vnd.dev.kiln.delta.v1', 'kiln-from': answer.from.join(',') });
      await pipeline(Readable.from(answer.bytes, { objectMode: false }), response);
    } finally {
      this.#streams -= 1;
    }
  }

  async #blob(digest: Parameters<Catalogue['blob']>[0], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = await this.#catalogue.blob(digest);
    if (path === null) return fail(response, 'BLOB_UNKNOWN', 'there is no such blob');
    const { size } = await stat(path);
    response.setHeader('docker-content-digest', digest);
    response.setHeader('etag', `"${digest}"`);
    response.setHeader('accept-ranges', 'bytes');
    if (isKnown(request, digest)) return void response.writeHead(304).end();
    const { range: asked, 'if-range': condition } = request.headers;
    const range = condition === undefined || condition === `"${digest}"` ? rangeOf(asked, size) : 'all';
    if (range === null) return void response.writeHead(416, { 'content-range': `bytes */${size}`, 'content-length': 0 }).end();
    const { start, end } = range === 'all' ? { start: 0, end: size - 1 } : range;
    const head = { 'content-type': 'application/octet-stream', 'content-length': end - start + 1 };
    if (this.#streams >= STREAMS && request.method === 'GET') {
      response.setHeader('retry-after', '1');
      return fail(response, 'TOOMANYREQUESTS', 'too many blobs are being read');
    }
    if (range === 'all') response.writeHead(200, head);
    else response.writeHead(206, { ...head, 'content-range': `bytes ${start}-${end}/${size}` });
    if (request.method === 'HEAD' || size === 0) return void response.end();
    this.#streams += 1;
    try {
      await pipeline(createReadStream(path, { start, end, highWaterMark: 256 << 10 }), response);
    } finally {
      this.#streams -= 1;
    }
  }
}

/** Blobs and manifests never change: who has one by its digest has it. */
const isKnown = (request: IncomingMessage, digest: string): boolean =>
  (request.headers['if-none-match'] ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${digest}"`);

function sendPage(
  response: ServerResponse,
  path: string,
  member: string,
  names: readonly string[],
  query: URLSearchParams,
  rest: object,
): void {
  const page = pageOf(names, query, PAGE);
  if (page === null) return fail(response, 'PAGINATION_NUMBER_INVALID', 'n is no number');
  const next = new URLSearchParams({ n: query.get('n') ?? String(PAGE), last: page.last ?? '' });
  if (page.last !== null) response.setHeader('link', `<${path}?${next.toString()}>; rel="next"`);
  sendJson(response, { ...rest, [member]: page.names });
}

const sendJson = (response: ServerResponse, body: object): void =>
  send(response, 'application/json', Buffer.from(JSON.stringify(body)));

function send(response: ServerResponse, type: string, bytes: Uint8Array): void {
  response.setHeader('content-type', type);
  response.setHeader('content-length', bytes.length);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

/** The distribution specification's form of an error. */
function fail(response: ServerResponse, code: ErrorName, message: string): void {
  response.statusCode = ERRORS[code];
  sendJson(response, { errors: [{ code, message, detail: {} }] });
}
