/** The verbs of the history: read it, check it, follow it. */
import type { Handlers } from '../api/schema.ts';
import type { FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import type { Entry, Journal } from '../store/journal.ts';
import { verifyBeside } from '../store/verification.ts';
import { pastFleets } from './names.ts';
import { newsOf } from './news.ts';
import type { Parts } from './parts.ts';

type HistoryVerbs = Pick<Handlers, 'history' | 'verifyHistory' | 'events'>;

/** In one answer; who wants more asks again after the last. */
const MOST_ENTRIES = 10_000;
/** Read at a time while following: between two pages the reader's pace is waited for. */
const PAGE = 500;

export function historyVerbs({ journal, home }: Parts): HistoryVerbs {
  const fleetsSeen = fleetsIn(journal);
  return {
    async history({ service, after, limit, newest }) {
      const most = Math.min(limit, MOST_ENTRIES);
      const part = (fleet?: FleetId): readonly Entry[] => {
        const filter = { ...(fleet === undefined ? {} : { fleet }), limit: most };
        return newest ? journal.newest(filter).filter(({ seq }) => seq > after) : [...journal.read({ ...filter, after })];
      };
      const found = service === undefined ? part() : pastFleets(service, fleetsSeen()).flatMap((fleet) => part(fleet));
      if (service !== undefined && found.length === 0 && after === 0) throw noHistory(service);
      const inOrder = found.toSorted((a, b) => a.seq - b.seq);
      return { entries: newest ? inOrder.slice(-most) : inOrder.slice(0, most) };
    },
    async verifyHistory() {
      const entries = journal.newest({ limit: 1 })[0]?.seq ?? 0;
      return { entries, broken: await verifyBeside(home.database) };
    },
    async events({ service, after }, { signal, emit }) {
      const fits = ofService(service);
      let cursor = after ?? journal.newest({ limit: 1 })[0]?.seq ?? 0;
      const news = newsOf(journal, signal);
      try {
        while (!signal.aborted) {
          const page = [...journal.read({ after: cursor, limit: PAGE })];
          for (const entry of page.filter(fits)) await emit(entry);
          cursor = page.at(-1)?.seq ?? cursor;
          if (page.length < PAGE) await news.next();
        }
      } finally {
        news.stop();
      }
      throw ended();
    },
  };
}

/** Every fleet that the journal has ever named; reads only what is new since the last call. */
function fleetsIn(journal: Journal): () => ReadonlySet<FleetId> {
  const known = new Set<FleetId>();
  let seen = 0;
  return () => {
    for (const { seq, fleet } of journal.read({ after: seen })) {
      if (fleet !== null) known.add(fleet);
      seen = seq;
    }
    return known;
  };
}

/** Whether an entry is of the service; any is where none is named. */
const ofService =
  (service: string | undefined) =>
  ({ fleet }: Entry): boolean =>
    service === undefined || (fleet !== null && pastFleets(service, new Set([fleet])).length > 0);

const noHistory = (service: string): KilnError =>
  new KilnError('NOT_FOUND', `the history has nothing of "${service}"`, { hint: '`kiln history` shows all of it' });

const ended = (): KilnError =>
  new KilnError('DAEMON_UNREACHABLE', 'the daemon is shutting down', {
    hint: 'follow again from the last entry that you have seen',
  });
