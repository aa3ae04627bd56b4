/** Whether an image is rid of a vulnerability, and what became of the packages that had it. */
import { join } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import type { MendedPackage } from '../lineage/cascade-steps.ts';
import { inventoryOf } from '../sbom/inventory.ts';
import type { PackageType } from '../sbom/package.ts';
import type { AffectedImage } from '../vulnerabilities/affected-images.ts';
import { componentsOf } from '../vulnerabilities/components.ts';
import { diagnose, lineSources, type Diagnosis } from './affected.ts';
import type { Parts } from './parts.ts';
import { isPublishable } from './publishable.ts';

export interface Mending {
  /** Why it is still in it; null: it is not. */
  readonly left: string | null;
  readonly mended: readonly MendedPackage[];
}

/** And for others: nothing of what was revoked or refused takes the place of anything. */
export const isMended = async (parts: Parts, cve: string, image: Digest): Promise<boolean> =>
  (await isPublishable(parts, image)) && (await diagnosed(parts, cve, [image])).clean.has(image);

export async function mendingOf(parts: Parts, cve: string, before: Digest, after: Digest): Promise<Mending> {
  const { affected, clean, unjudged } = await diagnosed(parts, cve, [before, after]);
  if (clean.has(after)) return { left: null, mended: await mendedPackages(parts, affected.get(before) ?? [], after) };
  const found = affected.get(after);
  if (found !== undefined)
    return { left: `${cve} is still in it: ${found.map((each) => whyLeft(parts, each)).join('; ')}`, mended: [] };
  const why = unjudged.find(({ image }) => image === after)?.why ?? 'nothing is known of it';
  return { left: `whether ${cve} is still in it can't be told: ${why}`, mended: [] };
}

/** The Debian packages of these images that have it, and so have to move. */
export async function debianPackagesWith(parts: Parts, cve: string, images: readonly Digest[]): Promise<ReadonlySet<string>> {
  const { affected } = await diagnosed(parts, cve, images);
  const found = [...affected.values()].flat().map(({ vulnerability }) => vulnerability);
  return new Set(found.filter(({ type }) => type === 'deb').flatMap(({ packages }) => packages.map(({ name }) => name)));
}

const diagnosed = async (parts: Parts, cve: string, images: readonly Digest[]): Promise<Diagnosis> =>
  diagnose(parts, cve, [...new Set(images)], await lineSources(parts), parts.stopping);

async function mendedPackages(
  { images, home, stopping: signal }: Parts,
  before: readonly AffectedImage[],
  after: Digest,
): Promise<readonly MendedPackage[]> {
  const inventory = await inventoryOf(images, await images.image(after), { cacheFolder: join(home.bake, 'gates'), signal });
  const now = componentsOf(inventory);
  return before.map(({ vulnerability: { type, name, installed } }) => ({
    name,
    from: installed,
    to: now.find((each) => each.type === type && each.name === name)?.version ?? null,
  }));
}

function whyLeft({ lineage }: Parts, { digest, base, vulnerability: { type, name, installed, fixed } }: AffectedImage): string {
  const what = `${name} ${installed}`;
  if (fixed === null) return `no fixed version available yet of ${what}`;
  const named = lineage.state.builtOn.get(digest)?.find((each) => each.digest === base)?.name;
  if (base !== null) return `${what} comes with its base ${named ?? base}, of which none without it is there yet`;
  return `${what} is mended in ${fixed}, ${WHERE[type]}`;
}

const OWN_LOCK = "which its source has to ask for: raise it in the source's own lock file, and patch again";
const MIRROR = 'which the package mirror does not have yet';

/** Where a mended version has to come from. */
const WHERE: Readonly<Record<PackageType, string>> = {
  deb: MIRROR,
  apk: MIRROR,
  npm: OWN_LOCK,
  pypi: OWN_LOCK,
  golang: OWN_LOCK,
  cargo: OWN_LOCK,
};
