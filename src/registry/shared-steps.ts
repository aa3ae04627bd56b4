/**
 * The step cache, shared through a registry: an OCI artifact under a tag that moves, which lists for each key what the step
 * made and names the layers, so that the registry keeps them. A layer is taken only by a key that the artifact lists, and
 * proven by both its digests; that it is what the step makes is believed of whoever may write there (docs/registries.md).
 */
import { z } from 'zod';

import { type Digest, isDigest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { KilnError } from '../errors/error.ts';
import { jsonOf } from '../oci/http.ts';
import { compressionOf, OCI_EMPTY, OCI_MANIFEST } from '../oci/media-types.ts';
import { pullBlob } from '../oci/pull.ts';
import { pushBlobs, type PushOptions, putManifest } from '../oci/push.ts';
import { formatReference, parseReference } from '../oci/references.ts';
import { Registry } from '../oci/registry.ts';
import { invalid } from '../oci/schema.ts';
import { Sources } from '../oci/sources.ts';
import type { Descriptor, ImageStore, Layer } from '../oci/store.ts';

const ARTIFACT_TYPE = 'application/vnd.dev.kiln.steps.v1';
const TABLE_TYPE = 'application/vnd.dev.kiln.steps.table.v1+json';
/** The newest stay. A manifest names each layer, and may be 4 MiB. */
const MOST_STEPS = 1000;
const TABLE_BYTES = 4 << 20;
const LAYER_BYTES = 2 ** 40;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a sha256 digest');
const descriptor = z.object({ mediaType: z.string().max(255), digest, size: z.int().min(0).max(LAYER_BYTES) });
const layer = z.object({
  descriptor: descriptor.extend({ mediaType: z.string().refine((type) => compressionOf(type) !== null, 'not a layer') }),
  diffId: digest,
});
const table = z.object({
  steps: z
    .array(z.object({ key: digest, layer: layer.nullable(), leavesEtc: z.boolean(), at: z.int().min(0) }))
    .max(2 * MOST_STEPS),
});
const manifest = z.object({
  schemaVersion: z.literal(2),
  artifactType: z.literal(ARTIFACT_TYPE),
  layers: z
    .array(descriptor)
    .min(1)
    .max(2 * MOST_STEPS + 1),
});

type SharedStep = z.output<typeof table>['steps'][number];

/** What a step made: the bake's own form. */
export interface SharedOutcome {
  readonly layer: Layer | null;
  readonly leavesEtc: boolean;
}

export interface SharedSteps {
  /** How many are known. */
  readonly size: number;
  /** The layer is in the store when it answers. Null: not known, or no longer to be had. */
  find(key: Digest): Promise<SharedOutcome | null>;
  /** To be told of every step of a bake, cached or not. */
  used(key: Digest, outcome: SharedOutcome): void;
  /** Sends what the registry lacks of those that were used. Answers how many steps are new there. */
  save(): Promise<number>;
}

/** Reads what is there; nothing is as good as empty. Throws TAG_IMMUTABLE where the tag names an image, and what registries fail with. */
export async function openSharedSteps(text: string, store: ImageStore, now: number, options: PushOptions): Promise<SharedSteps> {
  const reference = parseReference(text);
  const { tag } = reference;
  if (tag === null || reference.digest !== null) {
    throw new KilnError('REFERENCE_INVALID', `${text} can be no cache: it has no tag, or a digest`, {
      hint: 'write it as REGISTRY/PATH:TAG, as in registry.example/team/web:cache',
    });
  }
  const sources = new Sources(reference, options);
  const registry = new Registry(reference, options);
  const load = (): Promise<ReadonlyMap<Digest, SharedStep>> =>
    readTable(registry, sources, tag, formatReference(reference), store);
  const known = await load();
  const used = new Map<Digest, SharedOutcome>();
  return {
    size: known.size,
    async find(key) {
      const step = known.get(key);
      if (step === undefined) return null;
      return step.layer === null || (await takeLayer(sources, step.layer, store)) ? step : null;
    },
    used: (key, outcome) => void used.set(key, outcome),
    async save() {
      // Others may have saved meanwhile; who is last keeps theirs, too.
      const there = await load();
      const fresh = [...used].filter(([key]) => !there.has(key));
      if (fresh.length === 0) return 0;
      const steps = [
        ...fresh.map(([key, outcome]) => ({ key, layer: outcome.layer, leavesEtc: outcome.leavesEtc, at: now })),
        ...there.values(),
      ].toSorted((a, b) => b.at - a.at);
      await writeTable(registry, tag, steps.slice(0, MOST_STEPS), { store, options });
      return fresh.length;
    },
  };
}

async function readTable(
  registry: Registry,
  sources: Sources,
  tag: string,
  name: string,
  store: ImageStore,
): Promise<ReadonlyMap<Digest, SharedStep>> {
  if ((await registry.find(tag)) === null) return new Map();
  const { bytes } = await registry.manifest(tag);
  const parsed = manifest.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    throw new KilnError('TAG_IMMUTABLE', `${name} names something else than a cache of steps`, {
      hint: 'give the cache a tag of its own, as in registry.example/team/web:cache',
    });
  }
  const first = parsed.data.layers.find(({ mediaType }) => mediaType === TABLE_TYPE);
  if (first === undefined || first.size > TABLE_BYTES) throw invalid(`the cache ${name}`, 'it has no table, or one too large');
  await pullBlob(sources, first, store, () => {});
  const read = table.safeParse(jsonOf(Buffer.from(await store.readBlob(first.digest, TABLE_BYTES))));
  if (!read.success) throw invalid(`the cache ${name}`, 'its table is malformed');
  return new Map(read.data.steps.map((step) => [step.key, step]));
}

/** False: it can't be had, or is not what the table says. The step is then done here. */
async function takeLayer(sources: Sources, wanted: Layer, store: ImageStore): Promise<boolean> {
  try {
    await pullBlob(sources, wanted.descriptor, store, () => {});
    for await (const _ of await store.openLayer(wanted)) void _;
    return true;
  } catch (error) {
    if (error instanceof KilnError && error.code !== 'DISK_FULL') return false;
    throw error;
  }
}

async function writeTable(
  registry: Registry,
  tag: string,
  steps: readonly SharedStep[],
  { store, options }: { readonly store: ImageStore; readonly options: PushOptions },
): Promise<void> {
  const put = async (content: string, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await store.putBlob(Buffer.from(content))),
  });
  const config = await put('{}', OCI_EMPTY);
  const layers = [
    ...new Map(
      steps.flatMap((step) => (step.layer === null ? [] : [[step.layer.descriptor.digest, step.layer.descriptor] as const])),
    ).values(),
  ];
  const listed = await put(canonicalJson({ steps }), TABLE_TYPE);
  // What others have put there is there, and need not be here.
  const here = await Promise.all(layers.map(async (each) => ((await store.hasBlob(each.digest, each.size)) ? [each] : [])));
  await pushBlobs(registry, [config, listed, ...here.flat()], store, { ...options, mountFrom: null });
  const body = { schemaVersion: 2, mediaType: OCI_MANIFEST, artifactType: ARTIFACT_TYPE, config, layers: [listed, ...layers] };
  await putManifest(registry, Buffer.from(canonicalJson(body)), tag);
}
