import type { Run } from '../command.ts';
import { imageLines } from '../render/images.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const image = await client.image({ reference: args.required('IMAGE') });
  return { document: image, lines: imageLines(image, context.now(), context.terminal) };
};
