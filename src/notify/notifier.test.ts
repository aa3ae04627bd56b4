/** Notices reach real receivers over HTTP and SMTP: once each, in order, through kills, and without a secret in any error. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSocketServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { SMTPServer } from 'smtp-server';

import type { FleetId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { MemoryJournal } from '../store/memory.ts';
import { Notifier } from './notifier.ts';
import { notificationsPath, readNotifications } from './settings.ts';

const TOKEN = 'T0K3N-in-the-url';

interface Taken {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly type?: string;
    readonly text?: string;
    readonly data?: { readonly text: string; readonly release: number };
  };
}

const portOf = (server: Pick<Server, 'address'>): number => (server.address() as AddressInfo).port;

/** Answers each request with the next of the statuses, the last one for ever. */
async function receiver(
  t: TestContext,
  ...statuses: readonly number[]
): Promise<{ readonly port: number; readonly taken: Taken[]; readonly raw: string[] }> {
  const [taken, raw]: [Taken[], string[]] = [[], []];
  const server = createServer((request, answer) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      raw.push(body);
      taken.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(body) as Taken['body'] });
      answer.writeHead(statuses[Math.min(taken.length, statuses.length) - 1] ?? 200).end(`echo ${request.url}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: portOf(server), taken, raw };
}

/** Waiting costs no more than a moment. */
const hasty: Clock = { now: () => systemClock.now(), sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) };

interface Telling {
  readonly journal: MemoryJournal;
  readonly notifier: () => Notifier;
  readonly settings: (text: string) => void;
  readonly home: string;
  readonly kill: () => void;
  readonly warnings: string[];
  readonly append: (kind: string, data: Json, fleet?: string | null) => void;
  readonly rollout: (to: number, outcome: 'done' | 'rolled-back') => void;
}

function telling(t: TestContext): Telling {
  const home = mkdtempSync(join(tmpdir(), 'kiln-notify-'));
  const journal = new MemoryJournal(hasty);
  const warnings: string[] = [];
  let stop = new AbortController();
  t.after(() => {
    stop.abort();
    rmSync(home, { recursive: true });
  });
  const append: Telling['append'] = (kind, data, fleet = 'web.production') =>
    void journal.append([{ fleet: fleet as FleetId | null, kind, data }]);
  return {
    journal,
    home,
    warnings,
    append,
    settings: (text) => writeFileSync(notificationsPath(home), text),
    kill: () => {
      stop.abort();
      stop = new AbortController();
    },
    notifier: () => {
      const env = { KEY: 'sesame', SMTP_PASSWORD: 'hunter2' };
      const parts = {
        journal,
        home,
        homeId: 'abc123',
        clock: hasty,
        env,
        stopping: stop.signal,
        warn: (what: string) => warnings.push(what),
      };
      const notifier = new Notifier(parts);
      void notifier.run();
      return notifier;
    },
    rollout(to, outcome) {
      append('release.made', { release: { label: `1.${to}`, content: { image: `sha256:${to}` } } });
      append('rollout.started', { from: to - 1, to, cause: 'deploy', reason: 'deploy' });
      if (outcome === 'rolled-back')
        append('rollout.started', { from: to, to: to - 1, cause: 'failure', reason: 'three failed' });
      append('rollout.finished', { outcome, warm: [] });
    },
  };
}

async function until(what: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!what()) {
    assert.ok(Date.now() < deadline, 'it does not come');
    await systemClock.sleep(2, new AbortController().signal);
  }
}

/** It has begun to keep a cursor for the receiver: what happens from here on is news. */
const looked = ({ home }: Telling, name: string): Promise<void> => {
  const file = join(home, 'notified.json');
  return until(() => existsSync(file) && readFileSync(file, 'utf8').includes(`"${name}"`));
};

const hook = (port: number, more = ''): string =>
  `receivers: { ops: { webhook: { url: "http://127.0.0.1:${port}/${TOKEN}", secret: env:KEY }${more} } }\n`;

test('each notice is told once, in order, signed; what nobody asked for is not', async (t) => {
  const { port, taken, raw } = await receiver(t, 200);
  const world = telling(t);
  world.rollout(1, 'done');
  world.settings(hook(port, ', environments: [production]'));
  world.notifier();
  await looked(world, 'ops');
  world.rollout(2, 'rolled-back');
  world.append('rollout.started', { from: null, to: 1, cause: 'deploy', reason: 'deploy' }, 'web.staging');
  world.append('rollout.finished', { outcome: 'done', warm: [] }, 'web.staging');
  world.append('waves.started', { environment: 'production', services: [] }, null);
  world.append(
    'waves.stopped',
    { waves: world.journal.newest({ limit: 1 })[0]?.seq ?? 0, why: 'api.production: it failed' },
    null,
  );
  await until(() => taken.length === 2);
  assert.deepEqual(
    taken.map(({ body }) => [body.type, body.data?.text]),
    [
      ['notice.rolled-back', 'web.production: rolled back (three failed); r1 serves (1.1)'],
      ['notice.line-stopped', 'waves to production: the line has stopped: api.production: it failed'],
    ],
  );
  const [first] = taken;
  const id = String(first?.headers['webhook-id']);
  assert.match(id, /^kiln\.abc123\.\d+$/);
  const signed = `${id}.${String(first?.headers['webhook-timestamp'])}.${raw[0]}`;
  assert.equal(first?.headers['webhook-signature'], `v1,${createHmac('sha256', 'sesame').update(signed).digest('base64')}`);
});

test('what fails is tried again under the same id, and a notifier that is killed goes on with what is left', async (t) => {
  const { port, taken } = await receiver(t, 503, 503, 200);
  const world = telling(t);
  world.settings(hook(port));
  world.notifier();
  await looked(world, 'ops');
  world.rollout(1, 'done');
  await until(() => taken.length === 3);
  assert.equal(new Set(taken.map(({ headers }) => headers['webhook-id'])).size, 1);
  world.kill();
  world.rollout(2, 'done');
  world.rollout(3, 'done');
  world.notifier();
  await until(() => taken.filter(({ body }) => body.data?.release === 3).length === 1);
  const ids = taken.slice(2).map(({ headers, body }) => `${String(headers['webhook-id'])} r${body.data?.release}`);
  assert.deepEqual(
    [...new Set(ids)].map((each) => each.split(' ')[1]),
    ['r1', 'r2', 'r3'],
  );
});

test('a receiver that hangs holds up no other, and its URL is in no error', async (t) => {
  const silent = createSocketServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const refusing = await receiver(t, 403);
  const { port, taken } = await receiver(t, 200);
  const world = telling(t);
  const way = (at: number): string => `{ slack: { url: "http://127.0.0.1:${at}/${TOKEN}" } }`;
  world.settings(
    `receivers: { hung: ${way(portOf(silent))}, refusing: ${way(refusing.port)}, down: ${way(1)}, ops: ${way(port)} }\n`,
  );
  const notifier = world.notifier();
  await looked(world, 'ops');
  world.append('rollout.attention', { reason: 'a <b> & c' });
  await until(() => taken.length === 1 && refusing.taken.length === 1 && world.warnings.length > 0);
  assert.equal(taken[0]?.body.text, ':rotating_light: web.production: a person is needed: a &lt;b&gt; &amp; c');
  const receivers = await notifier.receivers();
  await until(() => receivers['down'] !== undefined && notifier.stateOf('down', receivers['down']).trouble !== null);
  const told = JSON.stringify([
    world.warnings,
    Object.entries(receivers).map(([name, each]) => notifier.stateOf(name, each)),
    [...world.journal.read()],
  ]);
  assert.match(told, /it answered 403/);
  assert.ok(!told.includes(TOKEN), told);
});

async function mailServer(
  t: TestContext,
  auth = true,
): Promise<{ readonly port: number; readonly letters: string[]; readonly logins: string[] }> {
  const [letters, logins]: [string[], string[]] = [[], []];
  const server = new SMTPServer({
    authOptional: !auth,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      logins.push(`${username} ${password}`);
      if (password === 'hunter2') done(null, { user: username });
      else done(new Error(`no such password as ${password}`));
    },
    onData(stream, _session, done) {
      let letter = '';
      stream.on('data', (chunk) => (letter += String(chunk)));
      stream.on('end', () => {
        letters.push(letter);
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: portOf(server.server), letters, logins };
}

const mail = (port: number, more: string): string =>
  `receivers: { mail: { email: { to: [ops@example.org], from: kiln@example.org, smtp: "smtp://127.0.0.1:${port}"${more} } } }\n`;

test('e-mail reaches a mail server, with a login; without TLS only where that is said', async (t) => {
  const { port, letters, logins } = await mailServer(t);
  const world = telling(t);
  world.settings(mail(port, ', plain: true, user: kiln, password-from: env:SMTP_PASSWORD'));
  world.notifier();
  await looked(world, 'mail');
  world.rollout(1, 'done');
  await until(() => letters.length === 1);
  assert.match(letters[0] ?? '', /^Subject: \[kiln\] web\.production: r1 serves \(1\.1\)\r$/m);
  assert.match(letters[0] ?? '', /^Message-ID: <kiln\.abc123\.\d+@example\.org>\r$/m);
  assert.deepEqual(logins, ['kiln hunter2']);

  const notifier = world.notifier();
  world.settings(mail(port, ', user: kiln, password-from: env:SMTP_PASSWORD'));
  const { mail: encrypted } = await readNotifications(world.home);
  assert.ok(encrypted);
  assert.deepEqual(await notifier.test(encrypted, new AbortController().signal), {
    kind: 'later',
    why: 'the mail server offers no TLS',
  });
  world.settings(mail(port, ', plain: true, user: kiln, password-from: env:KEY'));
  const { mail: wrong } = await readNotifications(world.home);
  assert.ok(wrong);
  const refused = await notifier.test(wrong, new AbortController().signal);
  assert.deepEqual(refused, { kind: 'later', why: 'the mail server answered 535 to the login' });
});

test('settings that are wrong are told without what stands in them, and lose nothing', async (t) => {
  const { port, taken } = await receiver(t, 200);
  const world = telling(t);
  world.settings(hook(port));
  const notifier = world.notifier();
  await looked(world, 'ops');
  world.settings(`receivers: { ops: { webhook: { url: "http://x/", secret: ${TOKEN} } } }\n`);
  await until(() => notifier.settingsTrouble !== null);
  assert.match(notifier.settingsTrouble?.message ?? '', /receivers\.ops\.webhook\.secret: expected where the secret is/);
  assert.ok(!notifier.settingsTrouble?.message.includes(TOKEN));
  world.rollout(1, 'done');
  world.settings(hook(port));
  await until(() => taken.length === 1);
  assert.equal(taken[0]?.body.type, 'notice.done');
});
