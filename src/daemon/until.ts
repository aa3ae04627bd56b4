/** Waits for something that the journal tells of. */
import type { Parts } from './parts.ts';
import { newsOf } from './news.ts';

/** Looks now and after each append, until `look` has an answer. Null: the daemon stopped before. */
export async function until<T>(
  { journal, stopping }: Pick<Parts, 'journal' | 'stopping'>,
  look: () => Promise<T | null> | T | null,
): Promise<T | null> {
  const news = newsOf(journal, stopping);
  try {
    while (!stopping.aborted) {
      const found = await look();
      if (found !== null) return found;
      await news.next();
    }
    return null;
  } finally {
    news.stop();
  }
}
