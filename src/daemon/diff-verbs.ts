/** The verb that compares: two images, two releases, or one of each. */
import { join } from 'node:path';

import type { DiffBody, Handlers, ParsedOf } from '../api/schema.ts';
import { shortDigest, type Digest } from '../domain/digest.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import { compareApart } from '../diff/compare-apart.ts';
import { compareLaunch } from '../diff/launch.ts';
import { compareLayers } from '../diff/layers.ts';
import { compareSettings } from '../diff/settings.ts';
import { KilnError } from '../errors/error.ts';
import type { Image } from '../oci/store.ts';
import type { Vulnerability } from '../vulnerabilities/match.ts';
import { newSince } from '../vulnerabilities/judge.ts';
import { isDamaged, readImage, soundImage } from './damaged.ts';
import { resolveFleet, resolveImage } from './names.ts';
import type { Parts } from './parts.ts';
import { assessmentOf } from './vulnerability-verbs.ts';

type ImageDifference = NonNullable<DiffBody['image']>;
type Input = ParsedOf<'diff'>;

const MOST_LISTED = 20_000;

export function diffVerbs(parts: Parts): Pick<Handlers, 'diff'> {
  return {
    async diff(input, { signal }) {
      const first = await sideOf(parts, input.first, null);
      const second = await sideOf(parts, input.second, first.release);
      const launch =
        first.release !== null && second.release !== null ? compareLaunch(first.release.content, second.release.content) : null;
      const compared = first.digest === second.digest ? NOTHING : await compareImages(parts, [first, second], input, signal);
      const same = first.digest === second.digest && (launch ?? []).length === 0;
      const [left, right] = await Promise.all([first, second].map((side) => sideBody(parts, side)));
      return { first: left as DiffBody['first'], second: right as DiffBody['second'], same, ...compared, launch };
    },
  };
}

interface Side {
  readonly name: string;
  readonly digest: Digest;
  readonly release: Release | null;
}

/** `web.r7`, `web.local.r7`; a channel of such a name is meant before a release is. */
const RELEASE = /^(.+)\.r([1-9][0-9]{0,8})$/;
const NUMBER = /^r([1-9][0-9]{0,8})$/;

/** `beside`: of whose fleet a bare `r8` is. Throws NOT_FOUND, USAGE, IMAGE_NOT_FOUND. */
async function sideOf(parts: Parts, name: string, beside: Release | null): Promise<Side> {
  const bare = NUMBER.exec(name)?.[1];
  if (beside !== null && bare !== undefined) return ofRelease(parts, name, beside.content.fleet, Number(bare));
  const [, service, number] = RELEASE.exec(name) ?? [];
  if (service === undefined || parts.lineage.state.channels.has(name)) {
    return { name, digest: await resolveImage(parts, name), release: null };
  }
  return ofRelease(parts, name, resolveFleet(service, parts.fleets.list()), Number(number));
}

function ofRelease({ fleets }: Parts, name: string, fleet: FleetId, number: number): Side {
  const release = fleets.state(fleet).releases.find((each) => each.number === number);
  if (release !== undefined) return { name, digest: release.content.image, release };
  throw new KilnError('NOT_FOUND', `${fleet} has no release r${number}`, { hint: `\`kiln releases ${fleet}\` lists them` });
}

async function sideBody({ images }: Parts, { name, digest, release }: Side): Promise<DiffBody['first']> {
  const tags = (await images.list()).find((stored) => stored.digest === digest)?.tags ?? [];
  return { name, digest, tags, release: release === null ? null : { fleet: release.content.fleet, number: release.number } };
}

type Compared = Pick<DiffBody, 'image' | 'unread'>;

const NOTHING: Compared = { image: null, unread: null };

async function compareImages(parts: Parts, sides: readonly [Side, Side], input: Input, signal: AbortSignal): Promise<Compared> {
  for (const side of sides) {
    const unread = await whyUnread(parts, side);
    if (unread !== null) return { image: null, unread };
  }
  const [first, second] = sides;
  const [left, right] = [await soundImage(parts.images, first.digest), await soundImage(parts.images, second.digest)];
  return { image: await imageDifference(parts, left, right, input, signal), unread: null };
}

/** Of an old release the image may be gone, and what it was launched with can still be compared. */
async function whyUnread({ images }: Parts, { name, digest, release }: Side): Promise<string | null> {
  if (release === null) return null;
  const read = await readImage(images, digest);
  return isDamaged(read) ? `the image ${shortDigest(digest)} of ${name} can't be read: ${read.message}` : null;
}

async function imageDifference(
  parts: Parts,
  first: Image,
  second: Image,
  { all, texts, limit, folder }: Input,
  signal: AbortSignal,
): Promise<ImageDifference> {
  const options = {
    images: parts.home.images,
    cacheFolder: join(parts.home.bake, 'gates'),
    all,
    texts,
    limit: Math.min(limit, MOST_LISTED),
    signal,
  };
  return {
    ...(await compareApart(first, second, options)),
    configuration: compareSettings(first, second),
    layers: compareLayers(first, second),
    vulnerabilities: await compareVulnerabilities(parts, first, second, folder, signal),
  };
}

async function compareVulnerabilities(
  parts: Parts,
  first: Image,
  second: Image,
  folder: string | undefined,
  signal: AbortSignal,
): Promise<ImageDifference['vulnerabilities']> {
  const [before, after] = [await assessmentOf(parts, first, folder, signal), await assessmentOf(parts, second, folder, signal)];
  if (before === null || after === null) return null;
  return {
    new: newSince(after.vulnerabilities, before.vulnerabilities).map(told),
    gone: newSince(before.vulnerabilities, after.vulnerabilities).map(told),
    doubts: [...new Set([...before.doubts, ...after.doubts])],
  };
}

const told = ({ id, severity, score, name, installed, fixed }: Vulnerability) => ({
  id,
  severity,
  score,
  name,
  installed,
  fixed,
});
