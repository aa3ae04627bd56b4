/** A real Prometheus, which watches a small server of the test's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { GroupId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { poll } from '../platform/poll.ts';
import { measure, measuring } from './measure.ts';
import { startPrometheus } from './testing/prometheus.ts';

test('Prometheus gives the number of the group that is asked about', requires('prometheus'), async (t) => {
  const app = createServer((_, response) => response.end('queue{release="r7"} 3\nqueue{release="r8"} 12.5\n'));
  await once(app.listen(0, '127.0.0.1'), 'listening');
  t.after(() => app.close());
  await using prometheus = await startPrometheus(`127.0.0.1:${(app.address() as AddressInfo).port}`);
  const ask = (query: string, group: string): Promise<number | null> =>
    measure({ kind: 'prometheus', url: prometheus.url, query }, group as GroupId, measuring(AbortSignal.timeout(10_000)));
  const watched = poll(async () => (await ask('count(queue)', 'web.local.r8')) === 2, { withinMs: 30_000, everyMs: 100 });
  assert.ok(await watched, 'Prometheus has seen the server');
  assert.equal(await ask('queue{release="$release"}', 'web.local.r7'), 3);
  assert.equal(await ask('queue{release="$release"}', 'web.local.r8'), 12.5);
  assert.equal(await ask('scalar(sum(queue))', 'web.local.r8'), 15.5);
  assert.equal(await ask('queue{release="r9"}', 'web.local.r8'), null);
  assert.equal(await ask('vector(0) / 0', 'web.local.r8'), null);
  const unreadable = (error: unknown): boolean => error instanceof KilnError && error.code === 'METRIC_UNREADABLE';
  await assert.rejects(ask('queue', 'web.local.r8'), unreadable);
  await assert.rejects(ask('no such query', 'web.local.r8'), unreadable);
});
