/** What the retention's plan is made from: what runs, what is stored, what can be read of it. */
import type { Digest } from '../domain/digest.ts';
import { releaseOf } from '../domain/ids.ts';
import type { Reference, Release } from '../domain/release.ts';
import type { CallContext } from '../engines/engine.ts';
import { planRetention, type RetentionPolicy, type Verdict } from '../lineage/retention.ts';
import type { Image, ImageStore } from '../oci/store.ts';
import { referencesIn } from './references.ts';
import { isDamaged, readImage } from './damaged.ts';
import type { Parts } from './parts.ts';

/** Of every image in the store, whether it stays. */
export async function verdicts(parts: Parts, policy: RetentionPolicy, ctx: CallContext): Promise<readonly Verdict[]> {
  const { images, lineage, graph, clock } = parts;
  const stored = await images.list();
  const damaged = await Promise.all(stored.map(async ({ digest }) => isDamaged(await readImage(images, digest))));
  return planRetention({
    images: stored.map((image, index) => ({ ...image, damaged: damaged[index] === true })),
    inUse: (await inUse(parts, ctx)).map(([{ content }, why]) => [content.image, why] as const),
    channels: lineage.state.channels.values(),
    launched: lineage.launched,
    parents: await graph.parents(),
    policy,
    now: clock.now(),
  });
}

/** All references that something runs with, or that a rollback goes back to. */
export async function launchable(parts: Parts, ctx: CallContext): Promise<readonly Reference[]> {
  return (await inUse(parts, ctx)).flatMap(([{ content }]) => referencesIn(content));
}

type InUse = readonly (readonly [of: Pick<Release, 'content'>, why: string])[];

async function inUse(parts: Parts, ctx: CallContext): Promise<InUse> {
  const coming = parts.waves.contents().map(([content, why]) => [{ content }, why] as const);
  return [...parts.fleets.releasesInUse(), ...coming, ...(await running(parts, ctx))];
}

/** What is being drained, or failed, runs without being anybody's way back. */
async function running({ fleets, engine }: Parts, ctx: CallContext): Promise<InUse> {
  const perFleet = fleets.list().map(async (fleet) => {
    const { releases } = fleets.state(fleet);
    const instances = await engine.instances(fleet, ctx);
    return instances.flatMap(({ group }) => {
      const release = releases[releaseOf(group) - 1];
      return release === undefined ? [] : [[release, `runs in ${fleet}`] as const];
    });
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
