/** What lets whoever starts a file do more than they may themselves. Pure. */
import type { LayerFile } from '../oci/layer-listing.ts';
import type { Right } from './contract.ts';

const CAPABILITY = 'security.capability';

/** What the file has in the second image and has not in the first. */
export function gainedRights(first: LayerFile | null, second: LayerFile | null): readonly Right[] {
  if (second?.kind !== 'file') return [];
  const gained = second.mode & ~(first?.kind === 'file' ? first.mode : 0);
  const capability = second.xattrs.get(CAPABILITY);
  return [
    ...((gained & 0o4000) === 0 ? [] : ['setuid' as const]),
    ...((gained & 0o2000) === 0 ? [] : ['setgid' as const]),
    ...(capability === undefined || capability === first?.xattrs.get(CAPABILITY) ? [] : ['capabilities' as const]),
  ];
}
