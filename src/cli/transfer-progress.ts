/** What a push or pull says while it works: on a terminal one line that is redrawn, else nothing. */
import type { TransferEventBody } from '../client/client.ts';
import type { Context } from './command.ts';
import { liveOn } from './live.ts';
import { bytes, counted } from './render/amounts.ts';

const BAR_WIDTH = 24;

/** Shows the events to their end. With --json nothing is shown. */
export async function showTransfer(events: AsyncIterable<TransferEventBody>, { terminal, json }: Context): Promise<void> {
  const live = liveOn(terminal);
  try {
    for await (const event of events) if (!json) live.draw([lineOf(event)]);
  } finally {
    live.clear();
  }
}

/** The configuration is a blob, too, but no layer. */
export function lineOf({ doneBytes, totalBytes, doneBlobs, totalBlobs }: TransferEventBody): string {
  const filled = totalBytes === 0 ? BAR_WIDTH : Math.floor((doneBytes / totalBytes) * BAR_WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  return `  ${bar}  ${bytes(doneBytes)} of ${bytes(totalBytes)}   ${doneBlobs} of ${counted(totalBlobs, 'blob')}`;
}
