import { shortDigest } from '../../domain/digest.ts';
import type { Run } from '../command.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const image = await client.tagImage({ reference: args.required('IMAGE'), tag: args.required('NAME') });
  return { document: image, lines: [`image ${shortDigest(image.digest)} is now also ${args.required('NAME')}`] };
};
