/** What a patch would do, put together from what is stored, known, running and held. */
import type { Digest } from '../domain/digest.ts';
import { releaseOf, type FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import type { CallContext } from '../engines/engine.ts';
import { channelsOf } from '../lineage/channels.ts';
import { planPatch, type PatchPlan, type PatchSource, type RunningFleet } from '../lineage/patch.ts';
import { diagnose, lineSources, type Diagnosis, type LineSource } from './affected.ts';
import type { Parts } from './parts.ts';
import { isPublishable } from './publishable.ts';

export interface PlannedPatch extends PatchPlan {
  /** Images that do not have it and are for others: one that is the newest of its folder is taken as it is. */
  readonly usable: ReadonlySet<Digest>;
  readonly diagnosis: Diagnosis;
  readonly images: readonly PatchImage[];
}

export interface PatchImage {
  readonly image: Digest;
  readonly tags: readonly string[];
  readonly packages: readonly PatchPackage[];
  readonly channels: readonly string[];
  readonly fleets: readonly FleetId[];
}

export interface PatchPackage {
  readonly type: string;
  readonly name: string;
  readonly installed: string;
  readonly fixed: string | null;
  readonly severity: string;
  readonly summary: string;
  /** The image that it comes with; null: it is the image's own. */
  readonly base: string | null;
}

/** Throws VULNERABILITY_DATA where nothing can be said of any image, NOT_FOUND for what no data knows. */
export async function planOf(parts: Parts, cve: string, ctx: CallContext): Promise<PlannedPatch> {
  const { lineage, graph, images } = parts;
  const [lines, stored, fleets] = await Promise.all([lineSources(parts), images.list(), runningFleets(parts, ctx)]);
  const digests = stored.map(({ digest }) => digest);
  const diagnosis = await diagnose(parts, cve, digests, lines, ctx.signal);
  if (!(await diagnosis.isKnown())) throw unknownTo(cve, diagnosis);
  const usable = new Set<Digest>();
  for (const image of diagnosis.clean) if (await isPublishable(parts, image)) usable.add(image);
  const plan = planPatch({
    state: lineage.state,
    parents: await graph.parents(),
    affected: new Map([...diagnosis.affected].map(([image, found]) => [image, unmendedOf(found)])),
    usable,
    sources: new Map([...lines].map(([key, source]) => [key, patchSource(source)])),
    fleets,
  });
  const told = stored.filter(({ digest }) => diagnosis.affected.has(digest));
  return {
    ...plan,
    usable,
    diagnosis,
    images: told.map(({ digest: image, tags }) => ({
      image,
      tags,
      packages: (diagnosis.affected.get(image) ?? []).map(packageOf),
      channels: channelsOf(lineage.state, image),
      fleets: fleets.filter(({ runs, image: target }) => target === image || runs.includes(image)).map(({ fleet }) => fleet),
    })),
  };
}

const unknownTo = (cve: string, { doubts }: Diagnosis): KilnError =>
  new KilnError('NOT_FOUND', `no data on this machine knows ${cve}${doubts.length === 0 ? '' : ` (${doubts.join('; ')})`}`, {
    hint: 'check its id; or bring newer data: sources of image.gates.vulnerabilities, or files in vulnerabilities/ of KILN_HOME',
  });

function patchSource({ spec, trouble }: LineSource): PatchSource {
  const environments = Object.entries(spec?.environments ?? {}).map(([name, { channel }]) => [name, channel ?? null] as const);
  return { trouble, environments: new Map(environments) };
}

type Found = Diagnosis['affected'] extends ReadonlyMap<Digest, infer F> ? F : never;

const unmendedOf = (found: Found): readonly string[] =>
  found.flatMap(({ vulnerability: { name, installed, fixed } }) => (fixed === null ? [`${name} ${installed}`] : []));

const packageOf = ({ base, vulnerability }: Found[number]): PatchPackage => {
  const { type, name, installed, fixed, severity, summary } = vulnerability;
  return { type, name, installed, fixed, severity, summary, base };
};

/** Fleets that are on their way to nothing have no release that anything could take the place of. */
async function runningFleets({ fleets, engine }: Parts, ctx: CallContext): Promise<readonly RunningFleet[]> {
  const all = fleets.list().map(async (fleet): Promise<readonly RunningFleet[]> => {
    const { rollout, serving, releases } = fleets.state(fleet);
    const release = rollout === null ? serving : rollout.to;
    const image = release === null ? undefined : releases[release - 1]?.content.image;
    if (release === null || image === undefined) return [];
    const { groups } = await engine.observe(fleet, ctx);
    const runs = groups.flatMap(({ group, running }) =>
      running === 0 ? [] : (releases[releaseOf(group) - 1]?.content.image ?? []),
    );
    return [{ fleet, release, image, runs: [...new Set(runs)] }];
  });
  return (await Promise.all(all)).flat();
}

export interface Leftover {
  readonly fleet: FleetId;
  readonly release: number;
  readonly image: Digest;
  readonly instances: number;
  /** Until when it is kept as the way back; null: it is not. */
  readonly warmUntil: number | null;
}

/** What runs of the images now, by release. */
export async function leftovers(
  { fleets, engine }: Parts,
  images: ReadonlySet<Digest>,
  ctx: CallContext,
): Promise<readonly Leftover[]> {
  const all = fleets.list().map(async (fleet) => {
    const { releases, warm } = fleets.state(fleet);
    const { groups } = await engine.observe(fleet, ctx);
    return groups.flatMap(({ group, running: instances }) => {
      const release = releaseOf(group);
      const image = releases[release - 1]?.content.image;
      if (instances === 0 || image === undefined || !images.has(image)) return [];
      const warmUntil = warm.find((each) => each.release === release)?.until ?? null;
      return [{ fleet, release, image, instances, warmUntil }];
    });
  });
  return (await Promise.all(all)).flat();
}
