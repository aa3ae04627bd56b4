import { shortDigest } from '../../domain/digest.ts';
import type { Run } from '../command.ts';
import { bytes, counted, duration } from '../render/amounts.ts';
import { showTransfer } from '../transfer-progress.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const reference = args.text('REF');
  const push = client.push({ image: args.required('IMAGE'), by: context.by, ...(reference === undefined ? {} : { reference }) });
  await showTransfer(push, context);
  const done = await push.result();
  const { there, mounted, sent } = done.blobs;
  const how = [
    `${counted(sent, 'blob')} sent (${bytes(done.movedBytes)})`,
    ...(mounted === 0 ? [] : [`${mounted} taken over`]),
    ...(there === 0 ? [] : [`${there} there already`]),
    ...(done.evidence === 0 ? [] : [`${counted(done.evidence, 'artifact')} of evidence`]),
  ].join(', ');
  return {
    document: done,
    lines: [`image ${shortDigest(done.digest)} → ${done.reference}   ${duration(done.ms)}`, `  ${how}`, `  ${done.digest}`],
  };
};
