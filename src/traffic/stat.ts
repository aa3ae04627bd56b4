/** What HAProxy's tables say, as values. Columns are found by name: later versions add some. */

/** `show stat`, one row. */
export interface StatRow {
  readonly backend: string;
  /** A server's name, or FRONTEND or BACKEND. */
  readonly name: string;
  readonly status: string;
  /** Requests and streams in flight; idle connections to servers don't count. */
  readonly sessions: number;
  /** Answers of class 5xx, HAProxy's own included. Of servers and backends. */
  readonly answers5xx: number;
}

export function parseStat(text: string): readonly StatRow[] {
  const [header = '', ...lines] = text.split('\n');
  const names = header.replace(/^# /, '').split(',');
  const column = (name: string): number => names.indexOf(name);
  const at = { name: column('svname'), status: column('status'), sessions: column('scur'), answers5xx: column('hrsp_5xx') };
  return lines
    .filter((line) => line.includes(','))
    .map((line) => {
      const cells = line.split(',');
      return {
        backend: cells[0] ?? '',
        name: cells[at.name] ?? '',
        status: cells[at.status] ?? '',
        sessions: Number(cells[at.sessions] ?? 0),
        answers5xx: Number(cells[at.answers5xx] ?? 0),
      };
    });
}

export type ServerState = 'ready' | 'drain' | 'maint';

/** `show servers state`, one row. */
export interface ServerRow {
  readonly backend: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly state: ServerState;
}

/** Bits of srv_admin_state (management.txt, "show servers state"). */
const MAINTENANCE = 0x01 | 0x02 | 0x20;
const DRAIN = 0x08 | 0x10;

export function parseServers(text: string): readonly ServerRow[] {
  const lines = text.split('\n');
  const header = lines.find((line) => line.startsWith('# ')) ?? '';
  const names = header.slice(2).split(' ');
  const cell = (cells: readonly string[], name: string): string => cells[names.indexOf(name)] ?? '';
  return lines
    .filter((line) => line.includes(' ') && !line.startsWith('# '))
    .map((line) => line.split(' '))
    .map((cells) => ({
      backend: cell(cells, 'be_name'),
      name: cell(cells, 'srv_name'),
      host: cell(cells, 'srv_addr'),
      port: Number(cell(cells, 'srv_port')),
      state: stateOf(Number(cell(cells, 'srv_admin_state'))),
    }));
}

function stateOf(admin: number): ServerState {
  if ((admin & MAINTENANCE) !== 0) return 'maint';
  return (admin & DRAIN) === 0 ? 'ready' : 'drain';
}
