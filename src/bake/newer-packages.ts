/** What of images' Debian packages the mirrors have in a newer version. */
import type { Image } from '../oci/store.ts';
import { newerThan, type NewerPackage } from './apt/resolve.ts';
import { debianSources } from './apt/sources.ts';
import type { BakeDeps } from './contract.ts';
import { mountLayers } from './mounted-root.ts';
import { architecture, debianSuite } from './package-set.ts';
import { resolveInRoot } from './root-path.ts';
import { withWorkFolder } from './work-folder.ts';

/** Null: it is no Debian system. Throws BASE_UNAVAILABLE where the mirrors do not answer. */
export type NewerPackages = (image: Pick<Image, 'layers'>) => Promise<readonly NewerPackage[] | null>;

/** Asks the mirrors of each suite once, for all images that it is called with. */
export function newerPackages({ home, layers, signal }: Pick<BakeDeps, 'home' | 'layers' | 'signal'>): NewerPackages {
  const asked = new Set<string>();
  return ({ layers: chain }) =>
    withWorkFolder(home, async (work) => {
      const root = await mountLayers(layers, chain, work, 'root');
      const suite = await debianSuite(root);
      if (suite === null) return null;
      const status = await resolveInRoot(root, '/var/lib/dpkg/status');
      const query = { suite, architecture: architecture(), sources: await debianSources(suite, null), status };
      const newer = await newerThan(home, { ...query, ask: !asked.has(suite) }, signal);
      asked.add(suite);
      return newer;
    });
}
