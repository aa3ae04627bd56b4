import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { Delivery } from '../execute/deliver.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { openWebhooks } from './webhooks.ts';

interface Taken {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers each request with the next of the statuses, the last one for ever. */
async function receiver(
  t: TestContext,
  ...statuses: readonly number[]
): Promise<{ readonly url: string; readonly taken: Taken[] }> {
  const taken: Taken[] = [];
  const server = createServer((request, answer) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      taken.push({ headers: request.headers, body });
      const status = statuses[Math.min(taken.length, statuses.length) - 1] ?? 200;
      answer.writeHead(status, { location: '/elsewhere' }).end(status === 200 ? '' : 'not today');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, taken };
}

const delivery = (url: string, secret: Delivery['secret'] = null): Delivery => ({
  id: 'web.local.12.webhook-1-before',
  fleet: 'web.local' as FleetId,
  url,
  secret,
  notice: {
    kind: 'before',
    service: 'web',
    environment: 'local',
    release: 8 as ReleaseNumber,
    image: `sha256:${'a'.repeat(64)}` as Digest,
    label: '1.2.0',
    from: 7 as ReleaseNumber,
  },
});

/** Time in which waiting costs none, and is written down. */
function hasty(): { readonly clock: Clock; readonly waits: number[] } {
  let ahead = 0;
  const waits: number[] = [];
  const sleep: Clock['sleep'] = async (ms) => {
    waits.push(ms);
    ahead += ms;
  };
  return { clock: { now: () => systemClock.now() + ahead, sleep }, waits };
}

const CALL = { signal: new AbortController().signal };

test('says what happens, and signs it so that anybody with the secret can check', async (t) => {
  const { url, taken } = await receiver(t, 200);
  const secret = Buffer.from('a secret of some length').toString('base64');
  const deliver = openWebhooks({ clock: systemClock, env: { HOOK: `whsec_${secret}` } });
  assert.equal(await deliver(delivery(url, { env: 'HOOK' }), 5000, CALL), null);
  const [{ headers, body }] = taken as [Taken];
  const { type, timestamp, data } = JSON.parse(body) as { type: string; timestamp: string; data: object };
  assert.equal(type, 'rollout.before');
  assert.equal(Math.floor(Date.parse(timestamp) / 1000), Number(headers['webhook-timestamp']));
  const { kind: _, ...notice } = delivery(url).notice;
  assert.deepEqual(data, notice);
  const signedText = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = createHmac('sha256', 'a secret of some length').update(signedText).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
});

test('trouble at the other side is tried again, longer and longer, under the same id', async (t) => {
  const { url, taken } = await receiver(t, 503, 429, 500, 200);
  const { clock, waits } = hasty();
  assert.equal(await openWebhooks({ clock, env: {} })(delivery(url), 60_000, CALL), null);
  assert.deepEqual(waits, [500, 1000, 2000]);
  assert.deepEqual([...new Set(taken.map(({ headers }) => headers['webhook-id']))], ['web.local.12.webhook-1-before']);
});

test('what is refused is not tried again, and a redirect is not followed', async (t) => {
  for (const status of [403, 302]) {
    const { url, taken } = await receiver(t, status);
    const { clock } = hasty();
    assert.equal(await openWebhooks({ clock, env: {} })(delivery(url), 60_000, CALL), `it answered ${status}: not today`);
    assert.equal(taken.length, 1);
  }
});

test('gives up when its time is over, with the last reason', async (t) => {
  const { url, taken } = await receiver(t, 503);
  const { clock } = hasty();
  assert.equal(await openWebhooks({ clock, env: {} })(delivery(url), 10_000, CALL), 'it answered 503: not today');
  assert.ok(taken.length >= 4, `${taken.length} attempts`);
  const nobody = await receiver(t, 200);
  const gone = nobody.url.replace(/:\d+/, ':1');
  assert.match(
    (await openWebhooks({ clock, env: {} })(delivery(gone), 2000, CALL)) ?? '',
    /^no answer: .*(ECONNREFUSED|bad port)/,
  );
});

test('a secret in a file; one that is missing is told, and nothing is sent unsigned', async (t) => {
  const { url, taken } = await receiver(t, 200);
  const folder = mkdtempSync(join(tmpdir(), 'kiln-hook-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'key'), 'plain words\n');
  const deliver = openWebhooks({ clock: systemClock, env: { EMPTY: '' } });
  assert.equal(await deliver(delivery(url, { file: join(folder, 'key') }), 5000, CALL), null);
  const [{ headers, body }] = taken as [Taken];
  const text = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', 'plain words').update(text).digest('base64')}`);
  assert.match((await deliver(delivery(url, { env: 'NONE' }), 5000, CALL)) ?? '', /variable NONE .* is missing/);
  assert.match((await deliver(delivery(url, { env: 'EMPTY' }), 5000, CALL)) ?? '', /variable EMPTY .* is empty/);
  assert.match((await deliver(delivery(url, { file: join(folder, 'none') }), 5000, CALL)) ?? '', /file .*none is missing/);
  assert.equal(taken.length, 1);
});
