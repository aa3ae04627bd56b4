/** At the daemon's start: a lost or damaged index of the image store is written again, its tags from the history. */
import type { Logger } from 'pino';

import { isDigest, type Digest } from '../domain/digest.ts';
import { indexDamage, rebuildIndex } from '../oci/index-rebuild.ts';
import type { Home } from '../platform/home.ts';
import type { Entry, Journal } from '../store/journal.ts';

/** Journaled before it is done. Leaves a sound index alone. */
export async function mendImages(home: Home, journal: Journal, log: Logger): Promise<void> {
  const why = await indexDamage(home.images);
  if (why === null) return;
  journal.append([{ fleet: null, kind: 'index.rebuilding', data: { why } }]);
  const images = await rebuildIndex(home.images, [...tagsIn(journal.read({ kinds: NAMING }))]);
  log.warn({ why, images: images.length }, 'the index of the images was written again from their manifests and the history');
}

interface Tagged {
  readonly tag: string;
  readonly digest: Digest;
}

/** Entries that say under which tags an image came to be known. */
const NAMING: ReadonlySet<string> = new Set(['bake.done', 'image.tagged', 'pull.done']);

function* tagsIn(entries: Iterable<Entry>): Iterable<Tagged> {
  for (const { data } of entries) {
    const { digest, tag, tags = [tag] } = data as { digest?: unknown; tag?: unknown; tags?: unknown };
    if (typeof digest !== 'string' || !isDigest(digest) || !Array.isArray(tags)) continue;
    yield* tags.filter((each) => typeof each === 'string').map((each) => ({ tag: each, digest }));
  }
}
