/**
 * Lists what the layers of pulled images hold, as a bake's gates do for those that are baked here: one image at a time, behind
 * all other work, until the daemon stops. What is not listed by then, or can't be, the first comparison reads.
 */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { listApart } from '../diff/list-apart.ts';
import type { Parts } from './parts.ts';

export type ListLater = (image: Digest) => void;

const MOST_WAITING = 32;

export function listsLater({ home, images, stopping }: Pick<Parts, 'home' | 'images' | 'stopping'>): ListLater {
  const waiting: Digest[] = [];
  let isBusy = false;
  const list = async (image: Digest): Promise<void> => {
    const { layers } = await images.image(image);
    await listApart({ images: home.images, cacheFolder: join(home.bake, 'gates'), layers }, stopping);
  };
  const work = async (): Promise<void> => {
    isBusy = true;
    for (let image = waiting.shift(); image !== undefined && !stopping.aborted; image = waiting.shift()) {
      await list(image).catch(() => {});
    }
    isBusy = false;
  };
  return (image) => {
    if (waiting.includes(image) || waiting.length >= MOST_WAITING) return;
    waiting.push(image);
    if (!isBusy) void work();
  };
}
