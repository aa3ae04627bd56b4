/**
 * What gc never takes: the images of every release that serves, is on its way, is warm or can be rolled back to; of each
 * name the newest images; and the bases of all these, so that what is kept can be baked again.
 */
import { isDigest, type Digest } from '../domain/digest.ts';
import { releaseOf } from '../domain/ids.ts';
import type { Image, ImageStore, StoredImage } from '../oci/store.ts';
import { isDamaged, readImage } from './damaged.ts';
import type { Parts } from './parts.ts';

/** Of each name before the colon (`web:1.2.0`), so many stay although nothing runs them. */
const KEPT_OF_NAME = 3;
/** Written by the bake (OCI image specification, annotations.md). */
const BASE_DIGEST = 'org.opencontainers.image.base.digest';

export async function imagesToKeep(parts: Parts): Promise<ReadonlySet<Digest>> {
  const { images, fleets } = parts;
  const stored = await images.list();
  const there = new Set(stored.map(({ digest }) => digest));
  const keep = new Set([...fleets.digestsInUse(), ...(await running(parts)), ...newestOfName(stored)]);
  for (const digest of keep) {
    if (!there.has(digest)) continue;
    const image = await readImage(images, digest);
    // What it is based on is not known: it might be any.
    if (isDamaged(image)) return new Set([...keep, ...there]);
    const base = image.annotations[BASE_DIGEST];
    if (base !== undefined && isDigest(base)) keep.add(base);
  }
  return keep;
}

/** What is being drained, or failed, runs without being anybody's way back. */
async function running({ fleets, engine }: Parts): Promise<readonly Digest[]> {
  const signal = new AbortController().signal;
  const perFleet = fleets.list().map(async (fleet) => {
    const { releases } = fleets.state(fleet);
    const instances = await engine.instances(fleet, { signal });
    return instances.flatMap(({ group }) => releases[releaseOf(group) - 1]?.content.image ?? []);
  });
  return (await Promise.all(perFleet)).flat();
}

/** The layers (by the digest of their tar) of those of the images that are there; null: one is damaged, and does not say which. */
export async function layersOf(images: ImageStore, digests: ReadonlySet<Digest>): Promise<ReadonlySet<Digest> | null> {
  const stored = (await images.list()).filter(({ digest }) => digests.has(digest));
  const found = await Promise.all(stored.map(({ digest }) => readImage(images, digest)));
  const whole = found.filter((image): image is Image => !isDamaged(image));
  return whole.length < found.length ? null : new Set(whole.flatMap(({ layers }) => layers.map(({ diffId }) => diffId)));
}

function newestOfName(stored: readonly StoredImage[]): readonly Digest[] {
  const named = stored.flatMap((image) => [...new Set(image.tags.map(nameOf))].map((name) => ({ name, image })));
  return [...Map.groupBy(named, ({ name }) => name).values()].flatMap((group) =>
    group
      .toSorted((a, b) => b.image.storedAt - a.image.storedAt)
      .slice(0, KEPT_OF_NAME)
      .map(({ image }) => image.digest),
  );
}

const nameOf = (tag: string): string => tag.slice(0, tag.lastIndexOf(':'));
