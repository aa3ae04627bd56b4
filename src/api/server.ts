/**
 * The HTTP server, made from the tables of routes and schemas. Owns validation, errors and streams; what a route does is
 * its handler's affair (src/daemon).
 */
import { chmod } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';

import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';

import { KilnError } from '../errors/error.ts';
import { asKilnError, bodyOf, usage } from './failure.ts';
import { lineWriter } from './ndjson.ts';
import { openApiDocument } from './openapi.ts';
import { ROUTE_NAMES, ROUTES, type RouteName } from './routes.ts';
import { SCHEMAS, type Handlers } from './schema.ts';

const BODY_LIMIT_BYTES = 1 << 20;
const PARAMETER_LIMIT = 300;

export interface ServerOptions {
  readonly version: string;
  /** Called with every error that is a bug; the caller gets no stack, the log does. */
  readonly onBug: (error: unknown, route: string) => void;
}

export interface Server {
  /** Listens on the socket (mode 0600), which must not exist. */
  listen(socket: string): Promise<void>;
  /** Ends every stream, lets other requests finish, and stops listening. */
  close(): Promise<void>;
}

/** How a handler looks once the types of its route are behind it. */
type Handler = (
  input: unknown,
  ctx: { readonly signal: AbortSignal; readonly emit: (event: unknown) => Promise<void> },
) => Promise<unknown>;

export function createServer(handlers: Handlers, options: ServerOptions): Server {
  const closing = new AbortController();
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: PARAMETER_LIMIT },
    // What never gets to a route, such as a path that is no URL, is answered like everything else.
    frameworkErrors: (error, _request, reply) => fail(reply, asKilnError(error)),
  });
  app.removeContentTypeParser('text/plain');
  const all: Readonly<Record<RouteName, unknown>> = {
    ...handlers,
    openapi: () => Promise.resolve(openApiDocument(options.version)),
  };
  for (const name of ROUTE_NAMES) addRoute(app, name, all[name] as Handler, closing.signal, options);
  app.setNotFoundHandler((request, reply) => {
    fail(
      reply,
      new KilnError('NOT_FOUND', `no route ${request.method} ${request.url}`, { hint: 'GET /openapi.json lists them' }),
    );
  });
  app.setErrorHandler((error, request, reply) => {
    report(error, request.url, options);
    fail(reply, asKilnError(error));
  });
  return {
    async listen(socket) {
      await app.listen({ path: socket });
      await chmod(socket, 0o600);
    },
    async close() {
      closing.abort(new Error('the daemon is shutting down'));
      await app.close();
    },
  };
}

function addRoute(app: FastifyInstance, name: RouteName, handler: Handler, closing: AbortSignal, options: ServerOptions): void {
  const { method, path, answer } = ROUTES[name];
  const schemas = SCHEMAS[name];
  app.route({
    method,
    url: path,
    handler: async (request, reply) => {
      const input = schemas.input.parse(inputOf(request));
      const signal = AbortSignal.any([closing, goneSignal(reply.raw)]);
      if (answer === 'stream') return stream(name, reply, options, (emit) => handler(input, { signal, emit }));
      const result = await handler(input, { signal, emit: () => Promise.resolve() });
      if (answer === 'text') return reply.type('text/plain; version=0.0.4').send(result);
      // The schema decides what leaves the daemon: a member that it does not name stays inside (law 10).
      return reply.type('application/json').send(JSON.stringify(answerOf(name, result)));
    },
  });
}

/** Path parameters win over the query or body, so that a request can't say one thing and do another. */
function inputOf(request: FastifyRequest): unknown {
  const given = request.method === 'POST' ? (request.body ?? {}) : request.query;
  if (typeof given !== 'object' || Array.isArray(given)) throw usage('the body is not a JSON object');
  return { ...given, ...(request.params as object) };
}

/** An answer outside its schema is a bug of the daemon, not the caller's. */
function answerOf(name: RouteName, result: unknown): unknown {
  const schema: ZodType = SCHEMAS[name].answer;
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new Error(`the answer of "${name}" is not what its schema says: ${parsed.error.message}`);
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the caller went away'));
  });
  return gone.signal;
}

async function stream(
  name: RouteName,
  reply: FastifyReply,
  options: ServerOptions,
  work: (emit: (event: unknown) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const lines = lineWriter(reply.raw);
  try {
    const result = await work((event) => lines.write({ event }));
    reply.hijack();
    await lines.write({ result: answerOf(name, result) });
  } catch (error) {
    if (!lines.started) throw error;
    reply.hijack();
    report(error, name, options);
    await lines.write({ error: bodyOf(asKilnError(error)) });
  }
  lines.end();
}

function report(error: unknown, route: string, options: ServerOptions): void {
  if (asKilnError(error).code === 'BUG') options.onBug(error, route);
}

function fail(reply: FastifyReply, error: KilnError): void {
  void reply
    .status(error.httpStatus)
    .type('application/json')
    .send(JSON.stringify(bodyOf(error)));
}
