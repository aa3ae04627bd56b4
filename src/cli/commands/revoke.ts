import { shortDigest } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import type { Client } from '../../client/client.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Result, Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { revokingLines } from '../render/lineage.ts';
import { momentOf } from '../moment.ts';

/** Instances run on of what was revoked, and nothing replaces them by itself: a person has to. */
const STILL_RUNS = 3;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  if (args.flag('undo')) return undo(client, args, context);
  const at = args.text('at');
  const answer = await client.revoke({
    reference: args.required('IMAGE'),
    cascade: args.flag('cascade'),
    reason: args.text('reason') ?? '',
    by: context.by,
    ...(at === undefined ? {} : { at: momentOf(at, context.now()) }),
  });
  const stays = answer.running.some(({ replaced }) => !replaced);
  return {
    document: answer,
    lines: revokingLines(answer, context.now(), context.terminal),
    ...(stays ? { exitCode: STILL_RUNS } : {}),
  };
};

async function undo(client: Client, args: Arguments, context: Context): Promise<Result> {
  const reason = args.text('reason') ?? '';
  if (reason === '') {
    throw new KilnError('USAGE', 'a revocation is taken back for all to see, and nobody said why', {
      hint: 'say why, with --reason TEXT',
    });
  }
  const answer = await client.undoRevocation({ reference: args.required('IMAGE'), reason, by: context.by });
  const names = answer.undone.map((image) => `  ${shortDigest(image)}`);
  return { document: answer, lines: [`${counted(answer.undone.length, 'image')} may start again:`, ...names] };
}
