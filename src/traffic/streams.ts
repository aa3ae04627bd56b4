/**
 * Streams: connections that were upgraded, and event streams. A request that became one is tracked under its instance's name
 * in a table of its own for as long as it lasts, so that HAProxy itself counts how many there are.
 */
import type { InstanceId } from '../domain/ids.ts';
import type { Master, Worker } from './master.ts';

export const STREAMS_TABLE = 'kiln.streams';

export const streamsSection = (): string =>
  `backend ${STREAMS_TABLE} from base\n  stick-table type string len 160 size 20k store conn_cur`;

export const streamLines: readonly string[] = [
  '  acl streaming status 101',
  '  acl streaming res.fhdr(content-type) -m beg text/event-stream',
  `  http-response track-sc1 srv_name table ${STREAMS_TABLE} if streaming`,
];

/** `0x…: key=web.local.r7.k3f9x2 use=2 exp=0 conn_cur=2` a line. */
export const parseStreams = (text: string): ReadonlyMap<string, number> =>
  new Map([...text.matchAll(/ key=(\S+) .*\bconn_cur=(\d+)/g)].map(([, name = '', count = '0']) => [name, Number(count)]));

/** By instance. Null: a worker of before there was such a table; then everything that it still serves may be one. */
export async function streamsOf(worker: Worker): Promise<ReadonlyMap<string, number> | null> {
  const text = await worker.query(`show table ${STREAMS_TABLE}`);
  return text.startsWith('# table:') ? parseStreams(text) : null;
}

/** `0x7f16…: proto=tcpv4 src=… fe=… be=… srv=web.local.r7.k3f9x2 ts=…` a line. */
export const parseSessions = (text: string, instance: InstanceId): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const id = /^(0x[0-9a-f]+): /.exec(line)?.[1];
    return id !== undefined && line.includes(` srv=${instance} `) ? [id] : [];
  });

/**
 * Closes sessions until an instance has at most so many. A session is named by where it lies in HAProxy's memory, and another
 * may lie there once it has ended. So none is closed twice: HAProxy takes its time to end one, and lists it until then. And
 * those are taken that were listed last, a moment ago.
 */
export class Evictor {
  /** Sessions that were told to end, by instance. */
  readonly #told = new Map<InstanceId, Set<string>>();

  /** In workers that are leaving first. */
  async evict(master: Master, instance: InstanceId, most: number): Promise<void> {
    const { current, old } = await master.workers();
    const workers = [...old, ...(current === null ? [] : [current])].map((pid) => master.worker(pid));
    const told = this.#told.get(instance) ?? new Set();
    const listed = await Promise.all(
      workers.map(async (worker) => ({ worker, ids: parseSessions(await worker.query('show sess'), instance) })),
    );
    const open = listed.map(({ worker, ids }) => ({ worker, ids: ids.filter((id) => !told.has(nameOf(worker, id))) }));
    let excess = open.reduce((sum, { ids }) => sum + ids.length, 0) - most;
    for (const { worker, ids } of open) {
      const closing = excess <= 0 ? [] : ids.slice(-excess);
      excess -= closing.length;
      for (const id of closing) told.add(nameOf(worker, id));
      await worker.change(closing.map((id) => `shutdown session ${id}`));
    }
    if (listed.every(({ ids }) => ids.length === 0)) this.#told.delete(instance);
    else this.#told.set(instance, told);
  }
}

const nameOf = ({ pid }: Worker, id: string): string => `${pid} ${id}`;
