/** A Dockerfile as a recipe: bases pinned through kiln.lock, built by buildah, imported by digest. */
import { createReadStream } from 'node:fs';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Digest } from '../../domain/digest.ts';
import { isName, isServiceName } from '../../domain/ids.ts';
import type { DockerfileRecipe, LayerCompression } from '../../domain/recipe.ts';
import { KilnError } from '../../errors/error.ts';
import { unpackLayer } from '../../oci/layer-reader.ts';
import { layerFromFolder } from '../../oci/layer-writer.ts';
import { openImageStore } from '../../oci/layout.ts';
import type { Image, ImageStore, Layer } from '../../oci/store.ts';
import { baseImage, type ImageBase } from '../base.ts';
import { buildEnvironment, CERTIFICATES_FILE, machineBundle } from '../build-environment.ts';
import { EPOCH_SECONDS, EPOCH_TEXT, type BakeDeps, type BaseIdentity } from '../contract.ts';
import type { FileHashes } from '../file-hashes.ts';
import { selectFiles } from '../file-selection.ts';
import { annotationsOf, chainOfImage, type Naming } from '../image.ts';
import type { Lock } from '../lock.ts';
import type { Session } from '../session.ts';
import { bakeKey } from '../step-cache.ts';
import { inTurn } from '../turns.ts';
import { tidyCommand } from '../tidy-command.ts';
import { makeFolder, withWorkFolder } from '../work-folder.ts';
import { openBuildah } from './buildah.ts';
import { readContext } from './context.ts';
import { readDockerfile, type DockerStage, type Pinnable } from './pinning.ts';

export interface DockerfileContext {
  readonly deps: BakeDeps;
  readonly session: Session;
  readonly lock: Lock;
  readonly hashes: FileHashes;
  readonly naming: Promise<Naming>;
}

export interface Baked {
  readonly digest: Digest;
  /** Whether the image was there before. */
  readonly known: boolean;
}

/** One step: buildah caches within it. */
export async function bakeDockerfile(recipe: DockerfileRecipe, context: DockerfileContext): Promise<Baked> {
  const { deps, session, naming } = context;
  return session.timed<Baked>(recipe.dockerfile, async () => {
    const file = readDockerfile(await readText(recipe), recipe.args);
    const bases = await pinBases(file, recipe, context);
    const annotations = annotationsOf(await naming, lineageOf(file, recipe, bases));
    const { ignore, files } = await readContext(recipe.folder, context.hashes);
    const pinned = [...bases].map(([name, { image }]) => [name, image.digest]);
    const text = file.rewrite(new Map(), []);
    const { args, target, compression } = recipe;
    const key = bakeKey('dockerfile', {
      text,
      args,
      target,
      pinned,
      ignore,
      files,
      annotations,
      compression: compression ?? 'gzip',
    });
    const known = await session.cache.findImage(key);
    if (known !== null) return { value: { digest: known, known: true }, cached: true };
    // buildah counts its mounts in files that processes in different mount namespaces must not share at the same time.
    const digest = await inTurn(`buildah ${deps.home.root}`, () => build(recipe, file, bases, ignore, annotations, deps));
    await session.cache.keepImage(key, digest);
    return { value: { digest, known: false }, cached: false };
  });
}

type Bases = ReadonlyMap<string, { readonly reference: string; readonly image: Image }>;

async function pinBases(file: Pinnable, recipe: DockerfileRecipe, { deps, lock, session }: DockerfileContext): Promise<Bases> {
  const found = new Map<string, { reference: string; image: Image }>();
  for (const name of file.images) {
    const reference = recipe.bases[name] ?? name;
    found.set(name, { reference, image: await baseImage(asBase(reference), recipe.folder, lock, session.cache, deps) });
  }
  return found;
}

/** What the Dockerfile builds on, as the recipe names it. */
export async function dockerfileBases(recipe: DockerfileRecipe): Promise<readonly ImageBase[]> {
  const { images } = readDockerfile(await readText(recipe), recipe.args);
  return images.map((name) => asBase(recipe.bases[name] ?? name));
}

/** `image:…` is in the store, `channel:…` too, `oci:…` a layout; everything else a registry's. */
function asBase(reference: string): ImageBase {
  if (reference.startsWith('image:')) return { kind: 'kiln', reference: reference.slice('image:'.length) };
  if (reference.startsWith('oci:')) return { kind: 'layout', path: reference.slice('oci:'.length), digest: null };
  const [, service = '', channel = ''] = /^channel:([^.]+)\.([^.]+)$/.exec(reference) ?? [];
  if (isServiceName(service) && isName(channel)) return { kind: 'channel', service, channel };
  return { kind: 'registry', reference };
}

/** What the stage that becomes the image stands on. */
function lineageOf(file: Pinnable, recipe: DockerfileRecipe, bases: Bases): BaseIdentity | null {
  const { target } = recipe;
  const last = file.stages.findLast((stage, index) => target === null || stage.name === target || String(index) === target);
  let stage: DockerStage | null = last ?? null;
  while (stage !== null && stage.stage !== null) stage = stage.stage;
  const base = bases.get(stage?.image ?? '');
  return base === undefined ? null : { name: base.reference, digest: base.image.digest };
}

async function readText({ folder, dockerfile }: DockerfileRecipe): Promise<string> {
  const [file] = await selectFiles(folder, dockerfile, false, () => null).catch((error: unknown) => {
    throw error instanceof KilnError && error.code === 'FILE_UNREADABLE' ? noDockerfile(error.message, error) : error;
  });
  if (file?.kind === 'file') return readFile(file.source, 'utf8');
  throw noDockerfile(`"${dockerfile}" is not a file`);
}

const noDockerfile = (what: string, cause?: unknown): KilnError =>
  new KilnError('FILE_UNREADABLE', `${what}: there is no Dockerfile to bake`, {
    hint: '`dockerfile:` names it from the folder of kiln.yaml, as in `dockerfile: docker/Dockerfile`',
    cause,
  });

async function build(
  recipe: DockerfileRecipe,
  file: Pinnable,
  bases: Bases,
  ignore: string,
  annotations: Readonly<Record<string, string>>,
  deps: BakeDeps,
): Promise<Digest> {
  return withWorkFolder(deps.home, async (work) => {
    const buildah = await openBuildah(deps.home, work, deps.signal);
    const names = new Map<string, string>();
    for (const [name, { image }] of bases) names.set(name, await buildah.ensureBase(image, deps.store));
    const environment = await environmentOf(deps.signal);
    const out = await buildah.build({
      name: recipe.dockerfile,
      folder: recipe.folder,
      dockerfile: file.rewrite(names, Object.keys(environment)),
      ignore,
      target: recipe.target,
      args: { ...environment, ...recipe.args },
      shared: await sharedFolder(work),
      onText: (text) => deps.onEvent({ kind: 'step.output', step: recipe.dockerfile, text }),
    });
    const known = [...bases.values()].flatMap(({ image }) => image.layers);
    return importBuilt({ out, work, compression: recipe.compression ?? 'gzip' }, known, annotations, deps.store);
  });
}

/** As build arguments, which no layer and no configuration keeps. npm's cache goes where no layer sees it. */
async function environmentOf(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const machine = await buildEnvironment(signal);
  return { ...machine, SOURCE_DATE_EPOCH: String(EPOCH_SECONDS), npm_config_cache: '/run/kiln/npm' };
}

async function sharedFolder(work: string): Promise<string> {
  const folder = await makeFolder(join(work, 'shared'));
  const bundle = await machineBundle();
  if (bundle !== null) await copyFile(bundle, join(folder, CERTIFICATES_FILE));
  return folder;
}

interface Built {
  /** The layout that buildah wrote. */
  readonly out: string;
  readonly work: string;
  readonly compression: LayerCompression;
}

/** A layer of a base keeps the blob that the store has: buildah would compress it anew. All others are written as Kiln's. */
async function importBuilt(
  { out, work, compression }: Built,
  known: readonly Layer[],
  annotations: Readonly<Record<string, string>>,
  store: ImageStore,
): Promise<Digest> {
  const built = await openImageStore(out);
  const [stored] = await built.list();
  if (stored === undefined) throw new Error(`buildah wrote no image to ${out}`);
  const image = await built.image(stored.digest);
  const layers: Layer[] = [];
  for (const layer of image.layers) {
    const there = known.find((base) => base.diffId === layer.diffId);
    layers.push(there ?? (await importLayer(layer, built, { work, compression }, store)));
  }
  const { history } = chainOfImage({ layers, config: image.config }, 'Dockerfile');
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } as const;
  return store.putImage({ ...image.config, created: EPOCH_TEXT, history, rootfs }, layers, annotations);
}

/** In Kiln's one form, without what commands leave; as it is where it says nothing of a folder that it has things in. */
async function importLayer(
  layer: Layer,
  built: ImageStore,
  { work, compression }: Pick<Built, 'work' | 'compression'>,
  store: ImageStore,
): Promise<Layer> {
  const folder = await makeFolder(join(work, 'layer'));
  try {
    const size = { storedBytes: layer.descriptor.size };
    const { impliedFolders } = await unpackLayer(await built.openLayer(layer), folder, size);
    if (impliedFolders.length === 0) {
      await tidyCommand(folder);
      return await layerFromFolder(store, folder, { overlay: true, epochSeconds: EPOCH_SECONDS }, compression);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await store.putBlob(createReadStream(await built.blobPath(layer.descriptor.digest)), layer.descriptor);
  return layer;
}
