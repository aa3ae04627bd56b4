/** What the vulnerabilities of a baked image are compared with: the image that the channel holds now. */
import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import type { Baseline } from '../gates/contract.ts';
import type { LineageState } from '../lineage/state.ts';
import { isDamaged, readImage } from './damaged.ts';
import { keptReports } from './keep-reports.ts';
import type { Parts } from './parts.ts';

/** `channel`: that is to hold it; null: none is named. */
export async function baselineOf(
  parts: Parts,
  { service, channel, digest }: { readonly service: ServiceName; readonly channel: string | null; readonly digest: Digest },
): Promise<Baseline | null> {
  const held = heldImage(parts.lineage.state, service, channel) ?? (await taggedBefore(parts, service, digest));
  const image = held === null ? null : await readImage(parts.images, held);
  if (image === null || isDamaged(image)) return null;
  return { image, excused: await excusedIn(parts, image.digest) };
}

/** Of the channel or, where it holds nothing or none is named, of the service's channel that was moved last. */
function heldImage({ channels }: LineageState, service: ServiceName, name: string | null): Digest | null {
  const own = [...channels.values()].filter((channel) => channel.service === service);
  const named = own.find((channel) => channel.name === name);
  const [last] = own.toSorted((a, b) => (b.history.at(-1)?.seq ?? 0) - (a.history.at(-1)?.seq ?? 0));
  return (named ?? last)?.image ?? null;
}

/** Of a service without channels: the image that has had one of its tags for the shortest time. */
async function taggedBefore({ images }: Parts, service: string, digest: Digest): Promise<Digest | null> {
  const named = (await images.list()).filter((image) => image.tags.some((tag) => tag.startsWith(`${service}:`)));
  const [newest] = named.filter((image) => image.digest !== digest).toSorted((a, b) => b.storedAt - a.storedAt);
  return newest?.digest ?? null;
}

/** What only a waiver or a statement let through: that may have ended meanwhile, and is asked for again. */
async function excusedIn(parts: Parts, image: Digest): Promise<ReadonlySet<string>> {
  const reports = await keptReports(parts, image);
  const findings = reports.filter(({ gate }) => gate === 'vulnerabilities').flatMap((report) => report.findings);
  return new Set(
    findings.filter(({ waiver, severity }) => waiver !== null || severity === 'note').map((each) => each.fingerprint),
  );
}
