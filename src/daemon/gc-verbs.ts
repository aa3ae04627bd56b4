/**
 * The verbs of gc. What the retention lets go of goes to the trash first: out of the index, its blobs kept. What was there for
 * long enough is deleted. Whose images unexplained instances have is not known: nothing is collected while there are any.
 */
import type { GcPlanBody, Handlers } from '../api/schema.ts';
import { isDigest, type Digest } from '../domain/digest.ts';
import type { CallContext } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import { lineageEntry } from '../lineage/events.ts';
import type { RetentionPolicy, Verdict } from '../lineage/retention.ts';
import type { Trashed } from '../lineage/state.ts';
import type { GcPlan } from '../oci/store.ts';
import { launchable, layersOf, verdicts } from './keep.ts';
import { inheritRevocation } from './bake-lineage.ts';
import type { Parts } from './parts.ts';
import { readRetention } from './retention-file.ts';
import { requireExplained } from './unexplained.ts';

/** What a bake or pull that is under way has written is younger than this. */
const GC_GRACE_MS = 3_600_000;
/** Of a manifest. */
const MANIFEST_BYTES = 4 << 20;

type GcVerbs = Pick<Handlers, 'planGc' | 'gc' | 'trash' | 'restore'>;
type Overrides = Partial<Pick<RetentionPolicy, 'keep' | 'youngMs' | 'launchedMs' | 'trashMs'>>;

interface Round {
  readonly policy: RetentionPolicy;
  readonly verdicts: readonly Verdict[];
  /** To the trash. */
  readonly going: GcPlan;
  /** Out of the trash, for good. */
  readonly expired: readonly Trashed[];
  /** What is left of it. */
  readonly waiting: readonly Trashed[];
  /** Blobs and artifacts that nothing has use for any more. */
  readonly free: GcPlan;
  /** Names of sealed values that nothing can be launched with any more. */
  readonly values: readonly string[];
}

export function gcVerbs(parts: Parts): GcVerbs {
  const { gate, lineage } = parts;
  return {
    async planGc(input, ctx) {
      await requireExplained(parts, null, ctx);
      return gcBody(await plan(parts, overrides(input), ctx));
    },
    gc: (input, ctx) =>
      gate.exclusive(async () => {
        await requireExplained(parts, null, ctx);
        return collect(parts, overrides(input), ctx);
      }, ctx.signal),
    trash: async () => ({ images: [...lineage.state.trash.values()] }),
    restore: ({ image, by }, { signal }) => gate.exclusive(() => restore(parts, image, by), signal),
  };
}

const overrides = ({
  keep,
  youngMs,
  launchedMs,
  trashMs,
}: { readonly [K in keyof Overrides]?: number | undefined }): Overrides => ({
  ...(keep === undefined ? {} : { keep }),
  ...(youngMs === undefined ? {} : { youngMs: Math.max(youngMs, GC_GRACE_MS) }),
  ...(launchedMs === undefined ? {} : { launchedMs }),
  ...(trashMs === undefined ? {} : { trashMs }),
});

async function plan(parts: Parts, over: Overrides, ctx: CallContext): Promise<Round> {
  const { images, lineage, clock, home } = parts;
  const policy = { ...(await readRetention(home)), ...over };
  const found = await verdicts(parts, policy, ctx);
  const indexed = new Set(found.map(({ image }) => image));
  const stays = found.filter((verdict) => verdict.stays.length > 0).map(({ image }) => image);
  // Baked or pulled again since: it is in the index and no longer trash.
  const trash = [...lineage.state.trash.values()].filter(({ image }) => !indexed.has(image));
  const expired = trash.filter(({ until }) => until <= clock.now());
  const waiting = trash.filter((each) => !expired.includes(each));
  const kept = waiting.map(({ image }) => image);
  const going = await images.planGc(new Set([...stays, ...kept]), GC_GRACE_MS);
  const free = await images.planGc(new Set([...indexed, ...kept]), GC_GRACE_MS);
  const values = await parts.configuration.unused(await launchable(parts, ctx));
  return { policy, verdicts: found, going, expired, waiting, free, values };
}

/** Journaled before it is done. A crash in between leaves images in the index that the next gc takes again. */
async function collect(parts: Parts, over: Overrides, ctx: CallContext): Promise<GcPlanBody> {
  const { images, journal, clock, layers } = parts;
  const round = await plan(parts, over, ctx);
  const { policy, going, expired, free, values } = round;
  const until = clock.now() + policy.trashMs;
  const leaving = new Set(going.images.map(({ digest }) => digest));
  journal.append([
    {
      fleet: null,
      kind: 'gc.started',
      data: { images: going.images, blobs: free.blobs.length, bytes: free.bytes, values: values.length },
    },
    ...going.images.map(({ digest: image, tags }) => lineageEntry({ kind: 'image.trashed', image, tags, until })),
    ...expired.map(({ image }) => lineageEntry({ kind: 'image.deleted', image })),
  ]);
  await images.collect({ ...going, blobs: [], artifacts: [] });
  await images.collect(free);
  await parts.configuration.forget(values);
  const staying = new Set(round.verdicts.map(({ image }) => image).filter((image) => !leaving.has(image)));
  const mounted = await layersOf(images, staying);
  if (mounted !== null) await layers.release(mounted);
  return gcBody(round);
}

function gcBody({ verdicts: found, going, expired, waiting, free, policy, values }: Round): GcPlanBody {
  const leaving = new Set(going.images.map(({ digest }) => digest));
  return {
    images: going.images,
    stays: found
      .filter(({ image }) => !leaving.has(image))
      .map(({ image, tags, stays }) => ({ digest: image, tags, why: stays.length === 0 ? ['asked for not long ago'] : stays })),
    trashMs: policy.trashMs,
    trash: waiting,
    deleted: expired,
    blobs: free.blobs.length,
    bytes: free.bytes,
    values: values.length,
    unreadable: [...new Set([...going.unreadable, ...free.unreadable])],
  };
}

/** Back into the index, with those of its tags that no other image has taken meanwhile. */
async function restore(
  parts: Parts,
  named: string | undefined,
  by: string,
): Promise<{ readonly restored: readonly { readonly image: Digest; readonly tags: readonly string[] }[] }> {
  const { images, lineage, journal } = parts;
  const chosen = [...lineage.state.trash.values()].filter((each) => named === undefined || isMeant(each, named));
  if (chosen.length === 0) throw notInTrash(named);
  const restored = [];
  for (const { image, tags } of chosen) {
    await images.putManifest(await images.readBlob(image, MANIFEST_BYTES), image);
    await inheritRevocation(parts, image, []);
    const taken = new Set((await images.list()).filter(({ digest }) => digest !== image).flatMap((other) => other.tags));
    const free = tags.filter((tag) => !taken.has(tag));
    for (const tag of free) await images.tag(image, tag);
    journal.append([lineageEntry({ kind: 'image.restored', image, by })]);
    restored.push({ image, tags: free });
  }
  return { restored };
}

const isMeant = ({ image, tags }: Trashed, name: string): boolean =>
  tags.includes(name) || (isDigest(name) ? image === name : name.length >= 6 && image.startsWith(`sha256:${name}`));

const notInTrash = (named: string | undefined): KilnError =>
  new KilnError('NOT_FOUND', named === undefined ? 'the trash is empty' : `no image "${named}" is in the trash`, {
    hint: named === undefined ? 'what is not in it was deleted, or never went' : '`kiln gc --plan` lists what is in the trash',
  });
