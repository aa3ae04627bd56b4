import { shortDigest } from '../../domain/digest.ts';
import type { Run } from '../command.ts';
import { bytes, counted, duration } from '../render/amounts.ts';
import { showTransfer } from '../transfer-progress.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const [tag, platform] = [args.text('tag'), args.text('platform')];
  const pull = client.pull({
    reference: args.required('REF'),
    by: context.by,
    ...(tag === undefined ? {} : { tag }),
    ...(platform === undefined ? {} : { platform }),
  });
  await showTransfer(pull, context);
  const done = await pull.result();
  const evidence = done.evidence === 0 ? '' : `, ${counted(done.evidence, 'artifact')} of evidence`;
  const how =
    done.changed || done.movedBytes > 0 ? `${bytes(done.movedBytes)} received${evidence}` : `was here already${evidence}`;
  const short = shortDigest(done.digest);
  return {
    document: done,
    lines: [
      `image ${short}   ${done.tags.join(', ') || done.reference}   ${how}   ${duration(done.ms)}`,
      `  ${done.digest}`,
      done.tags.length === 0
        ? `  next: kiln tag ${short} NAME:VERSION (gc takes what has no name)`
        : `  next: kiln image ${short}`,
    ],
  };
};
