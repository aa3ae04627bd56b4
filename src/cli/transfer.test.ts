import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Context } from './command.ts';
import { run as pull } from './commands/pull.ts';
import { run as push } from './commands/push.ts';
import { run as serve } from './commands/serve.ts';
import { fakeContext, fakeTerminal, given } from './testing/fakes.ts';
import { lineOf } from './transfer-progress.ts';

const DIGEST = `sha256:4f1c9ab2${'0'.repeat(56)}`;

/** A stream of these events that ends with the result. */
const streamOf = (events: readonly object[], result: object): object => ({
  async *[Symbol.asyncIterator]() {
    yield* events;
  },
  result: async () => result,
});

const half = { doneBytes: 5_000_000, totalBytes: 10_000_000, doneBlobs: 1, totalBlobs: 3, movedBytes: 4_000_000 };

test('a push says what was sent, taken over and there', async () => {
  let asked: unknown;
  const done = { digest: DIGEST, reference: 'r.example/web:1', evidence: 2, movedBytes: 4_000_000, ms: 1200 };
  const client = {
    push: (input: unknown) => {
      asked = input;
      return streamOf([half], { ...done, blobs: { there: 1, mounted: 1, sent: 1 } });
    },
  };
  const { lines } = await push(given({ IMAGE: 'web:1', REF: 'r.example/web' }), fakeContext(client));
  assert.deepEqual(asked, { image: 'web:1', reference: 'r.example/web', by: 'ada' });
  assert.deepEqual(lines.slice(0, 2), [
    'image 4f1c9ab2 → r.example/web:1   1.2 s',
    '  1 blob sent (4.0 MB), 1 taken over, 1 there already, 2 artifacts of evidence',
  ]);
});

test('a pull says what it is called here, and how to name what has no name', async () => {
  const done = { digest: DIGEST, reference: 'r.example/web@x', evidence: 0, movedBytes: 0, ms: 40, changed: false };
  const client = (tags: readonly string[]): object => ({ pull: () => streamOf([], { ...done, tags }) });
  const named = await pull(given({ REF: 'r.example/web:1' }), fakeContext(client(['web:1'])));
  assert.equal(named.lines[0], 'image 4f1c9ab2   web:1   was here already   0.04 s');
  const nameless = await pull(given({ REF: 'r.example/web@x' }), fakeContext(client([])));
  assert.match(nameless.lines[2] ?? '', /kiln tag 4f1c9ab2/);
});

test('progress fits 80 columns, also of what is empty', () => {
  assert.equal(lineOf(half), '  ████████████░░░░░░░░░░░░  5.0 MB of 10.0 MB   1 of 3 blobs');
  assert.ok(lineOf({ doneBytes: 0, totalBytes: 0, doneBlobs: 0, totalBlobs: 0, movedBytes: 0 }).length <= 80);
});

test('serving says where, who asked for what, and warns where others could listen', async () => {
  const terminal = fakeTerminal();
  const context: Partial<Context> = { terminal };
  const events = [
    { kind: 'listening', host: '10.0.0.5', port: 5070, tls: false },
    { kind: 'request', method: 'GET', path: '/v2/\u001B[2J', status: 404, bytes: 50 },
  ];
  const { lines } = await serve(
    given({}, { listen: '10.0.0.5:5070' }),
    fakeContext({ serve: () => streamOf(events, {}) }, context),
  );
  assert.match(terminal.written.join(''), /at 10\.0\.0\.5:5070\n {2}without TLS/);
  assert.ok(!terminal.written.join('').includes('\u001B[2J'));
  assert.deepEqual(lines, ['1 request, 50 B sent']);
  await assert.rejects(serve(given({}, { cert: 'a.pem' }), fakeContext({})), { code: 'USAGE' });
});
