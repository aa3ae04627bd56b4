/**
 * Thousands of WebSockets through a replacement: none is closed before its budget, and they are not closed all at once.
 *   node bench/sockets.ts [SOCKETS, 8000]
 * Each client comes back as soon as it was closed. All of the old instances go at the same time (blue-green).
 */
import { connect, type Socket } from 'node:net';

import { quantile } from './figures.ts';
import { openSite, until, type Site } from './site.ts';

const SOCKETS = Number(process.argv[2] ?? 8_000);
const PORT = 18_084;
const AT_A_TIME = 100;
/** As examples/live says. */
const STREAMS_MS = 10_000;
const PACE_MS = 20_000;
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: a2lsbiBraWxuIGtpbG4hIQ==',
].join('\r\n');

interface Client {
  socket: Socket;
  /** Its first frame. */
  instance: string;
  readonly closings: { readonly at: number; readonly instance: string }[];
}

interface Tally {
  readonly failures: string[];
  readonly clients: Client[];
  open: number;
}

const tally: Tally = { failures: [], clients: [], open: 0 };

/** Resolves when it is upgraded and told where. */
function dial(): Promise<{ readonly socket: Socket; readonly instance: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(PORT, '127.0.0.1');
    let said = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed before it was upgraded: ${said.split('\r\n')[0]}`)));
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      const frame = said.split('\r\n\r\n')[1] ?? '';
      if (frame.length > 2 && frame.length >= 2 + frame.charCodeAt(1)) resolve({ socket, instance: frame.slice(2) });
    });
    socket.write(`${UPGRADE}\r\n\r\n`);
  });
}

async function open(client: Client): Promise<void> {
  const { socket, instance } = await dial();
  Object.assign(client, { socket, instance });
  tally.open += 1;
  socket.removeAllListeners('close').removeAllListeners('error').removeAllListeners('data');
  socket.on('error', () => {});
  socket.resume();
  socket.on('close', () => {
    tally.open -= 1;
    client.closings.push({ at: Date.now(), instance });
    if (!leaving) open(client).catch((error: unknown) => tally.failures.push(String(error)));
  });
}

let leaving = false;

async function openAll(): Promise<void> {
  for (let done = 0; done < SOCKETS; done += AT_A_TIME) {
    const batch = Array.from({ length: Math.min(AT_A_TIME, SOCKETS - done) }, async () => {
      const client: Client = {
        socket: connect(PORT, '127.0.0.1')
          .on('error', () => {})
          .destroy(),
        instance: '',
        closings: [],
      };
      await open(client);
      tally.clients.push(client);
    });
    await Promise.all(batch);
  }
}

/** When each instance began to go. Any that goes for another reason than the replacement is told: its clients move twice. */
async function goings(site: Site): Promise<ReadonlyMap<string, number>> {
  const { entries } = await (await site.client()).history({ service: 'live' });
  const retired = entries
    .filter(({ kind }) => kind === 'instance.retiring')
    .map(({ at, data }) => ({ at, ...(data as { readonly instance: string; readonly why: string }) }));
  for (const { instance, why } of retired) if (!instance.includes('.r1.')) console.log(`  ${instance} went, too: ${why}`);
  return new Map(retired.map(({ instance, at }) => [instance, at]));
}

function report(since: ReadonlyMap<string, number>): boolean {
  const closings = tally.clients.flatMap((client) => client.closings);
  const began = (instance: string): number =>
    [...since].find(([id]) => id.replaceAll('.', '-').endsWith(instance))?.[1] ?? Number.NaN;
  const after = closings.map(({ at, instance }) => at - began(instance));
  const early = after.filter((ms) => !(ms >= STREAMS_MS)).length;
  const times = closings.map(({ at }) => at).toSorted((a, b) => a - b);
  const busiest = Math.max(...times.map((at, index) => times.findLastIndex((each) => each < at + 1_000) - index + 1));
  const span = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000;
  const even = Math.ceil((closings.length * 1_000) / PACE_MS);
  console.log(`${SOCKETS} sockets, ${closings.length} closed, ${tally.failures.length} could not come back, ${tally.open} open`);
  console.log(
    `closed ${(Math.min(...after) / 1000).toFixed(2)} s after their instance began to go at the earliest (budget ${STREAMS_MS / 1000} s), median ${(quantile(after, 0.5) / 1000).toFixed(2)} s, latest ${(Math.max(...after) / 1000).toFixed(2)} s; ${early} before their budget`,
  );
  console.log(`closed over ${span.toFixed(1)} s; in the busiest second ${busiest}, evenly it would be ${even}`);
  for (const failure of tally.failures.slice(0, 5)) console.log(`  ${failure}`);
  return (
    early === 0 && tally.failures.length === 0 && closings.length === SOCKETS && tally.open === SOCKETS && busiest < 3 * even
  );
}

const site = await openSite('live', PORT, (spec) => spec.replace('strategy: rolling', 'strategy: blue-green\n  keep: 1s'));
try {
  await site.must('deploy');
  await openAll();
  console.log(`${tally.open} sockets open`);
  await site.version('v2', (spec) => spec.replace('run:\n', 'run:\n  env: { VERSION: v2 }\n'));
  await site.must('deploy');
  await until('the old instances are gone', 120, async () => {
    const { groups } = await (await site.client()).status({ service: 'live' });
    return groups.length === 1;
  });
  await until('everybody is back', 60, async () => tally.open + tally.failures.length >= SOCKETS);
  process.exitCode = report(await goings(site)) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  leaving = true;
  for (const { socket } of tally.clients) socket.destroy();
  await site.close();
}
