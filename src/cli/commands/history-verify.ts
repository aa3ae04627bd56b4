import { KilnError } from '../../errors/error.ts';
import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const verification = await client.verifyHistory();
  const { entries, broken } = verification;
  if (broken !== null) {
    throw new KilnError('HISTORY_BROKEN', `the chain does not hold at entry ${broken.seq}: ${broken.why}`, {
      hint: `entries before ${broken.seq} can be relied on; compare the rest with a backup of kiln.db`,
    });
  }
  return {
    document: verification,
    lines: [`${counted(entries, 'entry').replace('entrys', 'entries')}, and the chain is whole.`],
  };
};
