/** Visitors of a service: keep asking for its version, over kept connections and new ones, and remember each answer. */
import { Agent, request } from 'node:http';

export interface Visits {
  /** Answers by version. */
  readonly versions: ReadonlyMap<string, number>;
  /** Everything that was no good answer. */
  readonly failures: readonly string[];
}

export interface Visitors {
  readonly visits: Visits;
  /** Lets what is under way finish. */
  leave(): Promise<Visits>;
}

const USERS = 8;

export function startVisitors(port: number, path = '/version'): Visitors {
  const versions = new Map<string, number>();
  const failures: string[] = [];
  const kept = new Agent({ keepAlive: true });
  const leaving = new AbortController();
  const user = async (index: number): Promise<void> => {
    while (!leaving.signal.aborted) {
      try {
        const version = await ask(port, { path, ...(index % 2 === 0 ? { agent: kept } : {}) });
        versions.set(version, (versions.get(version) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const users = Array.from({ length: USERS }, (_, index) => user(index));
  const visits = { versions, failures };
  return {
    visits,
    async leave() {
      leaving.abort();
      await Promise.all(users);
      kept.destroy();
      return visits;
    },
  };
}

/** The version that answers. Throws for anything but a whole answer with status 200. */
export function ask(
  port: number,
  { path = '/version', agent }: { readonly path?: string; readonly agent?: Agent } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, agent: agent ?? false, timeout: 10_000 };
    const outgoing = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', reject);
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 10 s')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
