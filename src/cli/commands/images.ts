import type { Run } from '../command.ts';
import { imagesLines } from '../render/images.ts';

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { images } = await client.images();
  return { document: { images }, lines: imagesLines(images, context.now(), context.terminal) };
};
