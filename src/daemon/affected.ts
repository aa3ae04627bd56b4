/**
 * Which images have a vulnerability, by all sources that this machine knows: its own, and those that the kiln.yaml of any
 * service here names. Packages were read when the images were baked; the data is read once for all images.
 */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import type { VulnerabilityPolicy } from '../domain/gate.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { inParallel } from '../oci/parallel.ts';
import type { Image } from '../oci/store.ts';
import { inventoryOf } from '../sbom/inventory.ts';
import { gatePolicyOf } from '../spec/gates.ts';
import { loadSpec } from '../spec/load.ts';
import type { Spec } from '../spec/parse.ts';
import { affectedImages, type AffectedImage, type ScannedImage } from '../vulnerabilities/affected-images.ts';
import { assessAll, isKnownTo, type AssessedImage } from '../vulnerabilities/assess.ts';
import { NO_DATA } from '../vulnerabilities/gate.ts';
import { sourceFiles } from '../vulnerabilities/sources/files.ts';
import { readVex } from '../vulnerabilities/vex/read.ts';
import { stated, type VexStatement } from '../vulnerabilities/vex/statement.ts';
import { isDamaged, readImage } from './damaged.ts';
import type { Parts } from './parts.ts';
import { OWN_POLICY, vulnerabilityFolder } from './vulnerability-verbs.ts';

/** What is in the folder of a line now. */
export interface LineSource {
  readonly spec: Spec | null;
  /** What is stated of vulnerabilities beside its kiln.yaml. */
  readonly statements: readonly VexStatement[];
  /** Why it cannot be baked; null: it can. */
  readonly trouble: string | null;
}

export interface Diagnosis {
  /** By image, one for each of its components that has it. */
  readonly affected: ReadonlyMap<Digest, readonly AffectedImage[]>;
  readonly clean: ReadonlySet<Digest>;
  /** Those that have it in a way that does no harm, as a VEX document beside their kiln.yaml says. */
  readonly harmless: readonly { readonly image: Digest; readonly file: string; readonly why: string }[];
  /** Those that nothing can be said of. */
  readonly unjudged: readonly { readonly image: Digest; readonly why: string }[];
  readonly doubts: readonly string[];
  /** Asks all of the data, for where nothing was found: of what no source knows, nothing can be found. */
  readonly isKnown: () => Promise<boolean>;
}

/** By line. */
export async function lineSources({ lineage }: Parts): Promise<ReadonlyMap<string, LineSource>> {
  const all = [...lineage.state.lines].map(async ([key, { folder, service }]) => [key, await sourceAt(folder, service)] as const);
  return new Map(await Promise.all(all));
}

const unusable = (trouble: string): LineSource => ({ spec: null, statements: [], trouble });

async function sourceAt(folder: string, service: string): Promise<LineSource> {
  try {
    const spec = await loadSpec(folder, service);
    return { spec, statements: await readVex(folder), trouble: null };
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const isMissing = error.code === 'CONFIG_NOT_FOUND' || error.code === 'NOT_FOUND';
    return unusable(isMissing ? gone(error.message, service) : `${error.message} (${folder}); mend it, and patch again`);
  }
}

const gone = (what: string, service: string): string =>
  `${what}; check the source of ${service} out there, or bake it where it is: kiln bake DIR; then patch again`;

/** Throws VULNERABILITY_DATA where there is none. */
export async function diagnose(
  parts: Parts,
  cve: string,
  images: readonly Digest[],
  lines: ReadonlyMap<string, LineSource>,
  signal: AbortSignal,
): Promise<Diagnosis> {
  const { home, clock } = parts;
  const cacheFolder = join(home.bake, 'gates');
  const looked = await lookedAt(parts, images, { cacheFolder, signal });
  const subjects = looked.flatMap(({ subject }) => subject ?? []);
  const homeFolder = vulnerabilityFolder(home);
  const { policy, doubts } = await allSources(parts, lines, homeFolder);
  const options = { policy, homeFolder, cacheFolder, now: clock.now(), signal };
  const assessed = await assessAll(subjects, options);
  if (assessed === null) throw new KilnError('VULNERABILITY_DATA', 'nothing can be said of any image', { hint: NO_DATA });
  const scanned = subjects.map((subject, index): ScannedImage => {
    return { ...subject, vulnerabilities: assessed[index]?.vulnerabilities ?? [] };
  });
  const found = affectedImages(cve, scanned).map((each) => ({ each, statement: harmlessBy(parts, each, lines) }));
  const affected = Map.groupBy(
    found.flatMap(({ each, statement }) => (statement === null ? [each] : [])),
    ({ digest }) => digest,
  );
  return {
    affected,
    clean: new Set(subjects.map(({ image }) => image.digest).filter((digest) => !affected.has(digest))),
    harmless: found.flatMap(({ each: { digest: image }, statement }) =>
      statement === null || affected.has(image) ? [] : [{ image, file: statement.file, why: statement.why }],
    ),
    unjudged: looked.flatMap(({ image, unread }) => unread.map((why) => ({ image, why }))),
    isKnown: async () => found.length > 0 || isKnownTo(cve, subjects, options),
    doubts: [...new Set([...doubts, ...assessed.flatMap((each) => each.doubts)])],
  };
}

interface Looked {
  readonly image: Digest;
  /** Null: nothing can be said of it. */
  readonly subject: (AssessedImage & Pick<ScannedImage, 'baseLayers'>) | null;
  /** What could not be read of it. */
  readonly unread: readonly string[];
}

/** Files that are read and packages that are found: more at a time is not faster. */
const AT_A_TIME = 8;

/** In the order of the images. */
async function lookedAt(
  parts: Parts,
  digests: readonly Digest[],
  options: { readonly cacheFolder: string; readonly signal: AbortSignal },
): Promise<readonly Looked[]> {
  const looked = new Map<Digest, Looked>();
  await inParallel(digests, AT_A_TIME, async (digest) => void looked.set(digest, await lookAt(parts, digest, options)));
  return digests.flatMap((digest) => looked.get(digest) ?? []);
}

async function lookAt(
  parts: Parts,
  digest: Digest,
  options: { readonly cacheFolder: string; readonly signal: AbortSignal },
): Promise<Looked> {
  const { images: store } = parts;
  const nothing = (why: string): Looked => ({ image: digest, subject: null, unread: [why] });
  const image = await readImage(store, digest);
  if (isDamaged(image)) return nothing(image.message);
  try {
    const inventory = await inventoryOf(store, image, options);
    const unread = inventory.unread.map(({ path, why }) => `${path}: ${why}`);
    return { image: digest, subject: { store, image, inventory, baseLayers: await baseLayersOf(parts, image) }, unread };
  } catch (error) {
    if (options.signal.aborted || !(error instanceof KilnError)) throw error;
    return nothing(messageOf(error));
  }
}

/** Of every kiln.yaml and of this machine: what one service knows of a package is true of another's. */
async function allSources(
  { lineage }: Parts,
  lines: ReadonlyMap<string, LineSource>,
  homeFolder: string,
): Promise<{ readonly policy: VulnerabilityPolicy; readonly doubts: readonly string[] }> {
  const named = [...lines].flatMap(([key, { spec }]) => {
    const line = lineage.state.lines.get(key);
    return spec === null || line === undefined ? [] : gatePolicyOf(spec, line.folder).vulnerabilities.sources;
  });
  const sources: string[] = [];
  const doubts: string[] = [];
  for (const source of new Set([...named, homeFolder])) {
    if (!source.startsWith('/')) sources.push(source);
    else {
      const files = await sourceFiles(source).catch(() => null);
      if (files !== null && files.length > 0) sources.push(source);
      else if (source !== homeFolder) doubts.push(`${source}, which a kiln.yaml names as a source, can't be used`);
    }
  }
  return { policy: { ...OWN_POLICY, sources }, doubts };
}

/** How many of an image's layers are its base's, the lowest first; null where that can't be told. */
async function baseLayersOf({ images, graph }: Parts, { digest, layers }: Image): Promise<number | null> {
  const base = (await graph.origin(digest)).base?.digest;
  const below = base === undefined ? null : await readImage(images, base);
  if (below === null || isDamaged(below)) return null;
  const isBelow = below.layers.every(({ diffId }, index) => layers[index]?.diffId === diffId);
  return isBelow ? below.layers.length : null;
}

function harmlessBy(
  { lineage }: Parts,
  { digest, vulnerability }: AffectedImage,
  lines: ReadonlyMap<string, LineSource>,
): VexStatement | null {
  const statement = stated(vulnerability, lines.get(lineage.state.bakedBy.get(digest) ?? '')?.statements ?? []);
  return statement?.status === 'harmless' ? statement : null;
}
