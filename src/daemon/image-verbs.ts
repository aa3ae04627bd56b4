/** The verbs of images: bake, list, show, tag, collect. */
import type { BakeEventBody, GcPlanBody, Handlers, ImageBody, StoredImageBody } from '../api/schema.ts';
import type { BakeResult } from '../bake/contract.ts';
import type { Digest } from '../domain/digest.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import type { GcPlan, Image, StoredImage } from '../oci/store.ts';
import { loadSpec } from '../spec/load.ts';
import type { Spec } from '../spec/parse.ts';
import { recipeOf } from '../spec/recipe.ts';
import { imagesToKeep, layersOf } from './keep.ts';
import type { Parts } from './parts.ts';

/** What a bake or pull that is under way has written is younger than this. */
const GC_GRACE_MS = 3_600_000;

export interface BakeRequest {
  readonly spec: Spec;
  readonly folder: string;
  readonly version: string | null;
  readonly update: boolean;
  readonly signal: AbortSignal;
  readonly emit: (event: BakeEventBody) => Promise<void>;
}

/** Journaled before it is done (law 9). A caller who goes away cancels it; what was cached is kept. */
export async function bakeSpec(parts: Parts, request: BakeRequest): Promise<BakeResult> {
  const { spec, folder, version, update, signal, emit } = request;
  const { journal, images: store, home, layers, clock } = parts;
  const recipe = recipeOf(spec, folder);
  const [started] = journal.append([
    { fleet: null, kind: 'bake.started', data: { service: spec.service, folder, version, update } },
  ]);
  const ref = { service: spec.service, started: started?.seq ?? 0 };
  const deps = { store, home, layers, clock, signal, onEvent: (event: BakeEventBody): void => void emit(event) };
  try {
    const baked = await parts.bake(recipe, deps, { service: spec.service, version, update });
    const { digest, tags, changed, ms } = baked;
    journal.append([{ fleet: null, kind: 'bake.done', data: { ...ref, digest, tags, changed, ms } }]);
    return baked;
  } catch (error) {
    const failure = signal.aborted ? cancelled(error) : error;
    journal.append([{ fleet: null, kind: 'bake.failed', data: { ...ref, why: messageOf(failure) } }]);
    throw failure;
  }
}

const cancelled = (cause: unknown): KilnError =>
  new KilnError('INTERRUPTED', 'the bake was cancelled: its caller went away', {
    hint: 'bake again: it resumes after the last step that was done',
    cause,
  });

type ImageVerbs = Pick<Handlers, 'bake' | 'images' | 'image' | 'tagImage' | 'planGc' | 'gc'>;

export function imageVerbs(parts: Parts): ImageVerbs {
  const { images, journal, gate } = parts;
  return {
    async bake({ folder, tag, update }, { signal, emit }) {
      const spec = await loadSpec(folder);
      return gate.shared(() => bakeSpec(parts, { spec, folder, version: tag ?? null, update, signal, emit }));
    },
    async images() {
      const stored = await images.list();
      return { images: await Promise.all(stored.map((each) => withSize(parts, each))) };
    },
    async image({ reference }) {
      const digest = await images.resolve(reference);
      return imageBody(await images.image(digest), await storedImage(parts, digest));
    },
    async tagImage({ reference, tag }) {
      const digest = await images.resolve(reference);
      await images.tag(digest, tag);
      journal.append([{ fleet: null, kind: 'image.tagged', data: { digest, tag } }]);
      return storedImage(parts, digest);
    },
    planGc: async () => gcBody(await planGc(parts)),
    gc: () => gate.exclusive(() => collect(parts)),
  };
}

async function collect(parts: Parts): Promise<GcPlanBody> {
  const keep = await imagesToKeep(parts);
  const plan = await parts.images.planGc(keep, GC_GRACE_MS);
  const { images, blobs, bytes } = plan;
  const names = images.map(({ digest, tags }) => ({ digest, tags }));
  parts.journal.append([{ fleet: null, kind: 'gc.started', data: { images: names, blobs: blobs.length, bytes } }]);
  await parts.images.collect(plan);
  await parts.layers.release(await layersOf(parts.images, keep));
  return gcBody(plan);
}

const planGc = async (parts: Parts): Promise<GcPlan> => parts.images.planGc(await imagesToKeep(parts), GC_GRACE_MS);

const gcBody = ({ images, blobs, bytes }: GcPlan): GcPlanBody => ({ images, blobs: blobs.length, bytes });

async function storedImage(parts: Parts, digest: Digest): Promise<StoredImageBody> {
  const stored = (await parts.images.list()).find((each) => each.digest === digest);
  return withSize(parts, stored ?? { digest, tags: [], storedAt: 0 });
}

async function withSize(parts: Parts, { digest, tags, storedAt }: StoredImage): Promise<StoredImageBody> {
  return { digest, tags, storedAt, size: (await parts.images.image(digest)).size };
}

function imageBody({ config: { config, history }, layers, annotations }: Image, stored: StoredImageBody): ImageBody {
  const made = (history ?? []).filter((step) => step.empty_layer !== true);
  return {
    ...stored,
    config: {
      user: config.User ?? null,
      entrypoint: config.Entrypoint ?? [],
      command: config.Cmd ?? [],
      workdir: config.WorkingDir ?? null,
      env: config.Env ?? [],
      ports: Object.keys(config.ExposedPorts ?? {}),
      labels: config.Labels ?? {},
    },
    layers: layers.map(({ descriptor: { digest, size } }, index) => ({
      digest,
      size,
      createdBy: made[index]?.created_by ?? null,
    })),
    annotations,
  };
}
