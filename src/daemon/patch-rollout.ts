/** One fleet of a patch: waits for the image that takes the place of its own, and rolls that out with nothing else changed. */
import { shortDigest, type Digest } from '../domain/digest.ts';
import { environmentOf as environmentIn, serviceOf } from '../domain/ids.ts';
import type { BrokenGlass } from '../domain/release.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { channelKey } from '../lineage/state.ts';
import { lineageEntry } from '../lineage/events.ts';
import { endingOf } from '../lineage/patch-ending.ts';
import { patchOf } from '../lineage/patch-state.ts';
import type { FleetResult, Patch, PatchFleet } from '../lineage/patch-steps.ts';
import { environmentOf } from '../spec/environment.ts';
import { loadSpec } from '../spec/load.ts';
import { soundImage } from './damaged.ts';
import { admit, labelOf } from './deploy-verbs.ts';
import type { Parts } from './parts.ts';
import { until } from './until.ts';

const patchAt = ({ lineage }: Parts, id: number): Patch => patchOf(lineage.state.patches, id);

/** Null: the daemon stopped before it had ended. Goes on with what an earlier daemon has begun. */
export async function rollOut(parts: Parts, id: number, target: PatchFleet): Promise<FleetResult | null> {
  const { fleet, release, key, stuck } = target;
  if (stuck !== null) return { fleet, outcome: 'stuck', release, why: stuck };
  if (key !== null && !patchAt(parts, id).rolling.has(fleet)) {
    const result = await until(parts, () => patchAt(parts, id).made.get(key) ?? null);
    if (result === null) return null;
    if (result.image === null || (result.outcome !== 'made' && result.outcome !== 'unchanged')) {
      return { fleet, outcome: 'stuck', release, why: 'the image that is to take its place was not made' };
    }
    const { image, why } = result;
    try {
      await parts.gate.shared(() => begin(parts, id, target, { image, why }));
    } catch (error) {
      if (parts.stopping.aborted) return null;
      return { fleet, outcome: 'stuck', release, why: whyNot(error) };
    }
  }
  return until(parts, () => endedAt(parts, id, target));
}

/** What an error says, and what to do about it. */
const whyNot = (error: unknown): string => (error instanceof KilnError ? `${error.message} (${error.hint})` : messageOf(error));

interface Made {
  readonly image: Digest;
  /** Which channels did not take it. */
  readonly why: string;
}

/** The release that serves, with the image alone another: launch values, secrets and strategy are those that were reviewed. */
async function begin(parts: Parts, id: number, target: PatchFleet, made: Made): Promise<void> {
  const { fleet } = target;
  const { cve, by, glass, images } = patchAt(parts, id);
  const { rollout, serving, releases, size, bounds } = parts.fleets.state(fleet);
  const before = releases[((rollout === null ? serving : rollout.to) ?? target.release) - 1];
  if (before === undefined) throw new RangeError(`${fleet} has no release r${target.release}`);
  // Somebody was faster.
  if (!images.includes(before.content.image)) return;
  const image = await imageFor(parts, id, target, made);
  const read = await soundImage(parts.images, image);
  const brokenGlass = await admitted(parts, target, image, { breakGlass: glass ?? undefined, by });
  const label = await labelOf(parts, image, read);
  const content = { ...before.content, image };
  const request = { content, label, size, bounds, by: `${by}, patching ${cve}` };
  const { release } = parts.fleets.deploy(brokenGlass === null ? request : { ...request, brokenGlass });
  parts.journal.append([lineageEntry({ kind: 'patch.rolling', patch: id, fleet, release: release.number })]);
}

/** What the channel of the environment holds, where it has one: a patch goes no other way than a deploy. */
async function imageFor(parts: Parts, id: number, { fleet, folder }: PatchFleet, made: Made): Promise<Digest> {
  const service = serviceOf(fleet);
  const { channel } = environmentOf(await loadSpec(folder ?? '', service), environmentIn(fleet));
  if (channel === null) return made.image;
  const held = parts.lineage.state.channels.get(channelKey(service, channel))?.image;
  if (held !== undefined && !patchAt(parts, id).images.includes(held)) return held;
  const [name, image] = [channelKey(service, channel), shortDigest(made.image)];
  throw new KilnError('CHANNEL_REFUSED', `${name} does not hold the mended image${made.why === '' ? '' : `: ${made.why}`}`, {
    hint: `kiln channel set ${name} ${image} once it takes it; then patch again`,
  });
}

async function admitted(
  parts: Parts,
  { fleet, folder }: PatchFleet,
  digest: Digest,
  asked: Parameters<typeof admit>[1],
): Promise<BrokenGlass | null> {
  const place = folder ?? '';
  const environment = environmentOf(await loadSpec(place, serviceOf(fleet)), environmentIn(fleet));
  return admit(parts, asked, fleet, { digest, environment, folder: place });
}

function endedAt(parts: Parts, id: number, { fleet }: PatchFleet): FleetResult | null {
  const { rolling, images } = patchAt(parts, id);
  const gone: FleetResult = { fleet, outcome: 'mended', release: null, why: 'the fleet was removed' };
  if (!parts.fleets.list().includes(fleet)) return gone;
  const { rollout, serving, releases, ended } = parts.fleets.state(fleet);
  const image = serving === null ? undefined : releases[serving - 1]?.content.image;
  const ending = endingOf({
    serving,
    affected: image !== undefined && images.includes(image),
    phase: rollout?.phase ?? null,
    reason: rollout?.reason ?? ended?.reason ?? `r${rolling.get(fleet)} does not serve`,
  });
  return ending === null ? null : { fleet, release: serving, ...ending };
}
