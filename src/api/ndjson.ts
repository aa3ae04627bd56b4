/**
 * One answer as a stream of lines. The head goes out with the first line, so that what fails before anything was said is
 * an ordinary error with its HTTP status.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** A reader this far behind is cut off: its backlog is the daemon's memory. */
const BACKLOG_BYTES = 64 << 20;

export interface LineWriter {
  readonly started: boolean;
  /** Resolves once there is room for more, or the reader has gone. Never throws. */
  write(line: unknown): Promise<void>;
  end(): void;
}

export function lineWriter(response: ServerResponse): LineWriter {
  let started = false;
  return {
    get started() {
      return started;
    },
    async write(line) {
      if (response.destroyed) return;
      if (!started) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      started = true;
      if (response.write(`${JSON.stringify(line)}\n`)) return;
      if (response.writableLength > BACKLOG_BYTES) return void response.destroy();
      await roomOrGone(response);
    },
    end: () => void response.end(),
  };
}

async function roomOrGone(response: ServerResponse): Promise<void> {
  if (response.closed) return;
  const settled = new AbortController();
  const either = ['drain', 'close'].map((event) => once(response, event, { signal: settled.signal }));
  await Promise.race(either).catch(() => {}); // An error of the socket is followed by its close, which the handler's signal tells.
  settled.abort();
}
