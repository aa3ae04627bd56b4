import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { createClient, type Client } from '../client/client.ts';
import { KilnError } from '../errors/error.ts';
import { kilnHome } from '../platform/home.ts';
import { openApiDocument } from './openapi.ts';
import { ROUTE_NAMES, ROUTES } from './routes.ts';
import type { Handlers } from './schema.ts';
import { createServer } from './server.ts';

const refuse = (): Promise<never> => Promise.reject(new KilnError('NOT_FOUND', 'no such thing', { hint: 'look elsewhere' }));
/** Every route refuses, but for those that a test needs. */
const handlersWith = (some: Partial<Handlers>): Handlers =>
  ({ ...Object.fromEntries(ROUTE_NAMES.map((name) => [name, refuse])), ...some }) as Handlers;

interface Serving {
  readonly client: Client;
  readonly socket: string;
  readonly bugs: unknown[];
  readonly close: () => Promise<void>;
}

async function serve(t: TestContext, some: Partial<Handlers>): Promise<Serving> {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-api-'));
  const socket = join(folder, 'kiln.sock');
  const bugs: unknown[] = [];
  const server = createServer(handlersWith(some), { version: '1.2.3', onBug: (error) => void bugs.push(error) });
  await server.listen(socket);
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return { client: createClient(kilnHome({ KILN_HOME: folder }, 0)), socket, bugs, close: () => server.close() };
}

/** One raw HTTP request; the whole answer. */
async function raw(socket: string, head: string, body = '', length = Buffer.byteLength(body)): Promise<string> {
  const connection = connect(socket);
  await once(connection, 'connect');
  connection.write(`${head}\r\nhost: kiln\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${body}`);
  let answer = '';
  for await (const chunk of connection) answer += String(chunk);
  return answer;
}

const isError = (code: string, message?: RegExp) => (error: unknown) =>
  error instanceof KilnError && error.code === code && error.hint !== '' && (message?.test(error.message) ?? true);

test('an input reaches its handler whole, and the answer its caller, without what the schema does not name', async (t) => {
  const seen: unknown[] = [];
  const { client, socket } = await serve(t, {
    history: async (input) => {
      seen.push(input);
      return { entries: [], secret: 'leak' } as never;
    },
  });
  assert.deepEqual(await client.history({ service: 'a b/ü', limit: 5, newest: true }), { entries: [] });
  assert.deepEqual(seen, [{ service: 'a b/ü', after: 0, limit: 5, newest: true }]);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
});

test('path parameters may hold anything that a reference may', async (t) => {
  const { client } = await serve(t, {
    image: (input) => Promise.reject(new KilnError('IMAGE_NOT_FOUND', input.reference, { hint: 'x' })),
  });
  const reference = 'registry.example:5000/a/b:1.0@sha256:../../%2e';
  await assert.rejects(client.image({ reference }), (error) => error instanceof KilnError && error.message === reference);
});

test("the daemon's own error reaches the caller with code, hint and place", async (t) => {
  const at = { file: 'kiln.yaml', line: 3, column: 5 };
  const { client } = await serve(t, {
    fleets: () => Promise.reject(new KilnError('CONFIG_INVALID', 'wrong', { hint: 'right', at })),
  });
  await assert.rejects(client.fleets(), { code: 'CONFIG_INVALID', message: 'wrong', hint: 'right', at });
});

test('what no handler meant to throw is a BUG: logged, and answered without a stack', async (t) => {
  const { client, socket, bugs } = await serve(t, { fleets: () => Promise.reject(new TypeError('x is undefined')) });
  await assert.rejects(client.fleets(), isError('BUG', /x is undefined/));
  assert.equal(bugs.length, 1);
  assert.doesNotMatch(await raw(socket, 'GET /v1/fleets HTTP/1.1'), /server\.test|at .*:\d+/);
});

test('an answer outside its schema is a bug of the daemon', async (t) => {
  const { client } = await serve(t, { fleets: () => Promise.resolve({ fleets: 'none' } as never) });
  await assert.rejects(client.fleets(), isError('BUG'));
});

test('a request that is too long for HTTP is USAGE', async (t) => {
  const { client } = await serve(t, {});
  await assert.rejects(client.status({ service: 'a'.repeat(100_000) }), isError('USAGE'));
});

test('input outside its schema is USAGE that names the member', async (t) => {
  const { client, socket } = await serve(t, { bake: refuse });
  await assert.rejects(client.scale({ service: 'web', size: -1 }), isError('USAGE', /size/));
  await assert.rejects(client.bake({ folder: 'relative' }).result(), isError('USAGE', /folder/));
  await assert.rejects(client.status({ service: 'web', more: 1 } as never), isError('USAGE', /more/));
  const json = 'content-type: application/json';
  for (const body of ['{"folder":', '[1]', '"text"', 'null', '{"__proto__":{"folder":"/x"}}']) {
    assert.match(await raw(socket, `POST /v1/bakes HTTP/1.1\r\n${json}`, body), /^HTTP\/1.1 4.*"code":"USAGE"/s, body);
  }
  assert.match(await raw(socket, `POST /v1/bakes HTTP/1.1\r\n${json}`, '{', 2 << 20), /"code":"USAGE"/);
  assert.match(await raw(socket, 'POST /v1/bakes HTTP/1.1\r\ncontent-type: text/plain', '{"folder":"/x"}'), /"code":"USAGE"/);
  assert.match(await raw(socket, 'GET /v1/fleets/%ff HTTP/1.1'), /^HTTP\/1.1 400.*"code":"USAGE"/s);
  assert.match(await raw(socket, 'GET /v2/nothing HTTP/1.1'), /^HTTP\/1.1 404.*"code":"NOT_FOUND"/s);
});

const step = (number: number) => ({ kind: 'step.started', step: `step ${number}` }) as const;
const BAKED = {
  digest: `sha256:${'a'.repeat(64)}` as never,
  tags: [],
  verdict: 'pass' as const,
  evidence: { attached: [], signedBy: null },
  reports: [],
  changed: true,
  steps: [],
  moved: [],
  reproduction: null,
  ms: 1,
};

test('a stream gives its events in order, then its result', async (t) => {
  const { client } = await serve(t, {
    bake: async (_, { emit }) => {
      for (let number = 0; number < 5000; number += 1) await emit(step(number));
      return BAKED;
    },
  });
  const baking = client.bake({ folder: '/x' });
  const events = [];
  for await (const event of baking) events.push(event);
  assert.deepEqual(
    events,
    Array.from({ length: 5000 }, (_, number) => step(number)),
  );
  assert.deepEqual(await baking.result(), BAKED);
});

test('a stream that fails says so: before the first event by status, after it by its last line', async (t) => {
  const { client } = await serve(t, {
    bake: async (input, { emit }) => {
      if (input.update) await emit(step(1));
      throw new KilnError('BAKE_STEP_FAILED', 'npm ci failed', { hint: 'look' });
    },
  });
  for (const update of [false, true]) {
    await assert.rejects(client.bake({ folder: '/x', update }).result(), isError('BAKE_STEP_FAILED', /npm ci/));
  }
});

for (const way of ['leaving the loop', 'a signal'] as const) {
  test(`the caller going away (${way}) cancels the work`, async (t) => {
    const gone = Promise.withResolvers<void>();
    const { client } = await serve(t, {
      bake: async (_, { emit, signal }) => {
        signal.addEventListener('abort', () => gone.resolve());
        await emit(step(1));
        await gone.promise;
        throw new KilnError('INTERRUPTED', 'gone', { hint: 'x' });
      },
    });
    const interrupt = new AbortController();
    const baking = client.bake({ folder: '/x' }, { signal: interrupt.signal });
    const read = (async () => {
      for await (const _ of baking) {
        if (way === 'leaving the loop') break;
        interrupt.abort();
      }
    })();
    if (way === 'a signal') await assert.rejects(read);
    await read.catch(() => {});
    await gone.promise;
  });
}

test('closing ends open streams, and the caller knows that the daemon went away', async (t) => {
  const started = Promise.withResolvers<void>();
  const { client, close } = await serve(t, {
    events: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        started.resolve();
      }),
  });
  const ended = assert.rejects(client.events({}).result(), KilnError);
  await started.promise;
  await close();
  await ended;
});

test('nobody on the socket is DAEMON_UNREACHABLE', async () => {
  await assert.rejects(createClient(kilnHome({ KILN_HOME: '/nonexistent' }, 0)).health(), isError('DAEMON_UNREACHABLE'));
});

test('the OpenAPI document holds every route, with references that lead somewhere', async (t) => {
  const document = openApiDocument('1.2.3');
  const { client } = await serve(t, {});
  assert.deepEqual(await client.openapi(), document);
  const operations = Object.values(document['paths'] as Record<string, Record<string, { operationId: string }>>)
    .flatMap((path) => Object.values(path))
    .map(({ operationId }) => operationId);
  assert.deepEqual(operations.toSorted(), Object.keys(ROUTES).toSorted());
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
  const { schemas } = document['components'] as { schemas: object };
  const lost = references.filter((reference) => !Object.hasOwn(schemas, reference.replace('#/components/schemas/', '')));
  assert.deepEqual(lost, []);
});
