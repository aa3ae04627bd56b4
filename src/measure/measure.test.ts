/** Against servers that answer as documented, and otherwise; a real Prometheus is asked in prometheus.test.ts. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { GroupId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { filledIn, measure, measureByCommand, measuring } from './measure.ts';

const GROUP = 'web.local.r8' as GroupId;

async function serve(t: TestContext, answer: (path: string) => { status?: number; body: string }): Promise<string> {
  const server: Server = createServer((request, response) => {
    const { status = 200, body } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (source: Parameters<typeof measure>[0]): Promise<number | null> =>
  measure(source, GROUP, measuring(AbortSignal.timeout(5_000)));
const isUnreadable = (error: unknown): boolean => error instanceof KilnError && error.code === 'METRIC_UNREADABLE';

test('what is asked names the group that is asked about', async (t) => {
  assert.equal(filledIn('$service $environment $release $group $other', GROUP), 'web local r8 web.local.r8 $other');
  const paths: string[] = [];
  const url = await serve(t, (path) => {
    paths.push(path);
    return { body: '{"n":1}' };
  });
  await ask({ kind: 'http', url: `${url}/rate?of=$group`, path: '$.n' });
  assert.deepEqual(paths, ['/rate?of=web.local.r8']);
});

test('a number, or a number as text; nothing there is no number', async (t) => {
  const url = await serve(t, () => ({ body: JSON.stringify({ rate: 2.5, text: '7', gone: null, map: {}, nan: 'NaN' }) }));
  assert.equal(await ask({ kind: 'http', url, path: '$.rate' }), 2.5);
  assert.equal(await ask({ kind: 'http', url, path: '$.text' }), 7);
  assert.equal(await ask({ kind: 'http', url, path: '$.gone' }), null);
  assert.equal(await ask({ kind: 'http', url, path: '$.nowhere' }), null);
  assert.equal(await ask({ kind: 'http', url, path: '$.nan' }), null);
  await assert.rejects(ask({ kind: 'http', url, path: '$.map' }), isUnreadable);
});

test('several series are no number, and the error says what to do; what was answered is not in it', async (t) => {
  const vector = (length: number): string =>
    JSON.stringify({
      data: { resultType: 'vector', result: Array.from({ length }, () => ({ value: [0, '1'], metric: { s: 'hush' } })) },
    });
  const url = await serve(t, (path) => ({ body: vector(path.includes('several') ? 2 : 0) }));
  assert.equal(await ask({ kind: 'prometheus', url, query: 'none' }), null);
  await assert.rejects(ask({ kind: 'prometheus', url, query: 'several' }), (error: Error) => {
    assert.match(error.message, /2 series.*sum/);
    assert.doesNotMatch(error.message, /hush/);
    return isUnreadable(error);
  });
});

test('a source that fails, lies or floods is an error with its code', async (t) => {
  const url = await serve(t, (path) =>
    path === '/html' ? { body: '<html>' } : path === '/flood' ? { body: `"${'x'.repeat(2 << 20)}"` } : { status: 500, body: '' },
  );
  await assert.rejects(ask({ kind: 'http', url: `${url}/down`, path: '$' }), isUnreadable);
  await assert.rejects(ask({ kind: 'http', url: `${url}/flood`, path: '$' }), isUnreadable);
  await assert.rejects(ask({ kind: 'prometheus', url, query: 'up' }), isUnreadable);
  await assert.rejects(ask({ kind: 'http', url: `${url}/html`, path: '$' }), isUnreadable);
});

test('a command writes a number, or JSON; what it failed with is told, and nothing that it wrote', async () => {
  const by = (text: string, path = '$'): Promise<number | null> =>
    measureByCommand({ kind: 'command', command: ['queue', '$release'], path }, GROUP, async (command) => {
      assert.deepEqual(command, ['queue', 'r8']);
      return text;
    });
  assert.equal(await by('12.5\n'), 12.5);
  assert.equal(await by('{"used":[1,2]}', '$.used[1]'), 2);
  assert.equal(await by('NaN\n'), null);
  assert.equal(await by('null'), null);
  for (const wrong of ['', 'hush hush', '"text"']) {
    await assert.rejects(by(wrong), (error: Error) => isUnreadable(error) && !error.message.includes('hush'));
  }
});
