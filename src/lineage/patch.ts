/**
 * Patches: what has a vulnerability and is in use, is made again without it and rolled out. Which images have it, others say;
 * here is decided what has to be made, in which order, and what runs where. Pure.
 */
import { shortDigest, type Digest } from '../domain/digest.ts';
import { environmentOf, serviceOf, type FleetId, type ReleaseNumber, type ServiceName } from '../domain/ids.ts';
import { inOrder, pinned } from './cascade.ts';
import type { CascadeStep } from './cascade-steps.ts';
import { keyOf, policyOf } from './channels.ts';
import { ancestorsOf, type Parents } from './graph.ts';
import type { PatchFleet } from './patch-steps.ts';
import type { Line, LineageState } from './state.ts';

export interface RunningFleet {
  readonly fleet: FleetId;
  readonly release: ReleaseNumber;
  readonly image: Digest;
  /** The images of all of its instances, those kept warm and those being drained included. */
  readonly runs: readonly Digest[];
}

export interface PatchSource {
  /** What keeps it from being baked; null: nothing. */
  readonly trouble: string | null;
  /** The channel of each environment; null: it has none. */
  readonly environments: ReadonlyMap<string, string | null>;
}

export interface PatchInput {
  readonly state: LineageState;
  readonly parents: Parents;
  /** Every image that has it, with those of its packages for which there is no mended version. */
  readonly affected: ReadonlyMap<Digest, readonly string[]>;
  /** Images that were looked at, do not have it, and are for others. */
  readonly usable: ReadonlySet<Digest>;
  /** What is in the folder of each line now. */
  readonly sources: ReadonlyMap<string, PatchSource>;
  readonly fleets: readonly RunningFleet[];
}

export interface PatchPlan {
  /** In an order in which each comes after all that it stands on. */
  readonly steps: readonly CascadeStep[];
  readonly fleets: readonly PatchFleet[];
}

/** What neither runs nor is held by a channel stays as it is, unless something else stands on it. */
export function planPatch(input: PatchInput): PatchPlan {
  const { state, affected, fleets } = input;
  const held = [...state.channels.values()].map(({ image }) => image);
  const used = [...fleets.map(({ image }) => image), ...held].filter((image) => affected.has(image));
  const keys = withBases(input, new Set(used.flatMap((image) => lineOf(input, image) ?? [])));
  const steps = inOrder([...keys].toSorted().map((key) => stepOf(input, key, keys)));
  const touched = fleets.filter(({ runs, image }) => affected.has(image) || runs.some((each) => affected.has(each)));
  return { steps, fleets: touched.map((fleet) => fleetOf(input, fleet)).toSorted(byTurn(state)) };
}

/** As channels take images from each other; those without a channel are the first. */
function byTurn(state: LineageState): (a: PatchFleet, b: PatchFleet) => number {
  const turn = ({ fleet, channel }: PatchFleet): number => (channel === null ? 0 : 1 + hopsTo(state, serviceOf(fleet), channel));
  return (a, b) => turn(a) - turn(b) || (a.fleet < b.fleet ? -1 : 1);
}

/** How many channels an image has to be in before this one takes it. */
function hopsTo(state: LineageState, service: ServiceName, channel: string): number {
  const seen = new Set<string>();
  for (
    let each: string | null = channel;
    each !== null && !seen.has(each);
    each = policyOf(state, service, each)?.after ?? null
  ) {
    seen.add(each);
  }
  return seen.size - 1;
}

/**
 * The line that makes what is to take the image's place: the one that made it or, where its source is gone, the service's
 * newest that still has its. Null: the image was not baked here.
 */
function lineOf({ state, sources }: PatchInput, image: Digest): string | null {
  const key = state.bakedBy.get(image);
  const line = key === undefined ? undefined : state.lines.get(key);
  if (key === undefined || line === undefined) return null;
  return isUsable(sources, key) ? key : (usableLine(state, sources, line.service) ?? key);
}

const isUsable = (sources: PatchInput['sources'], key: string): boolean => sources.get(key)?.trouble === null;

function usableLine(state: LineageState, sources: PatchInput['sources'], service: ServiceName): string | null {
  const usable = [...state.lines].filter(([key, line]) => line.service === service && isUsable(sources, key));
  return usable.toSorted(([, a], [, b]) => b.at - a.at)[0]?.[0] ?? null;
}

/** The lines of everything below them that has it, too. */
function withBases(input: PatchInput, lines: ReadonlySet<string>): ReadonlySet<string> {
  const all = new Set(lines);
  for (const key of all) {
    const { image } = lineAt(input.state, key);
    if (input.usable.has(image)) continue;
    const below = [...ancestorsOf(image, input.parents).keys()].filter((each) => input.affected.has(each));
    for (const each of below) {
      const base = lineOf(input, each);
      if (base !== null) all.add(base);
    }
  }
  return all;
}

function stepOf(input: PatchInput, key: string, keys: ReadonlySet<string>): CascadeStep {
  const { state, parents, affected } = input;
  const { service, folder, image } = lineAt(state, key);
  // Then nothing has to be baked.
  const mended = input.usable.has(image);
  const below = mended ? [] : [...ancestorsOf(image, parents).keys()].flatMap((each) => lineOf(input, each) ?? []);
  const after = [...new Set(below)].filter((other) => other !== key && keys.has(other)).toSorted();
  const channels = [...state.channels.values()].filter(
    (channel) => channel.service === service && affected.has(channel.image) && lineOf(input, channel.image) === key,
  );
  return { key, service, folder, image, after, channels: channels.map(keyOf), stuck: mended ? null : whyStuck(input, key) };
}

function whyStuck({ state, affected, sources }: PatchInput, key: string): string | null {
  const { image } = lineAt(state, key);
  const trouble = sources.get(key)?.trouble ?? null;
  if (trouble !== null) return trouble;
  const unmended = affected.get(image) ?? [];
  if (unmended.length > 0) return `no fixed version available yet of ${unmended.join(', ')}`;
  return pinned((state.builtOn.get(image) ?? []).filter(({ digest }) => affected.has(digest)));
}

function fleetOf(input: PatchInput, { fleet, release, image }: RunningFleet): PatchFleet {
  const { state, sources } = input;
  const service = serviceOf(fleet);
  const environment = environmentOf(fleet);
  const key = input.affected.has(image) ? lineOf(input, image) : null;
  const configured = key !== null && lineAt(state, key).service === service ? key : usableLine(state, sources, service);
  const folder = configured === null ? null : lineAt(state, configured).folder;
  const environments = sources.get(configured ?? '')?.environments;
  const found = { fleet, release, image, key, folder, channel: environments?.get(environment) ?? null };
  return { ...found, stuck: input.affected.has(image) ? whyNoWay(found, environments) : null };
}

function whyNoWay(
  { fleet, image, key, folder }: Omit<PatchFleet, 'stuck'>,
  environments: PatchSource['environments'] | undefined,
): string | null {
  if (key === null) {
    return `its image ${shortDigest(image)} was not baked on this machine; pull a mended one, and deploy it: kiln deploy --image IMAGE`;
  }
  if (folder === null) return `no folder with the kiln.yaml of ${serviceOf(fleet)} is known here; deploy it from where it is`;
  const environment = environmentOf(fleet);
  if (environments === undefined || environments.size === 0 || environments.has(environment)) return null;
  return `the kiln.yaml in ${folder} has no environment ${environment} any more; deploy a mended image there, or remove the fleet`;
}

function lineAt(state: LineageState, key: string): Line {
  const line = state.lines.get(key);
  if (line === undefined) throw new RangeError(`no line ${key}`);
  return line;
}
