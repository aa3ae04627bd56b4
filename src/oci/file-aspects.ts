/** In which ways the same path differs between two layers or two images. Pure. */
import { isDeepStrictEqual } from 'node:util';

import type { LayerFile } from './layer-listing.ts';

export type Aspect = 'content' | 'mode' | 'owner' | 'time' | 'kind' | 'link' | 'attributes' | 'only first' | 'only second';

/** None: the two are the same. */
export function aspectsOf(first: LayerFile | undefined, second: LayerFile | undefined): readonly Aspect[] {
  if (first === undefined && second === undefined) return [];
  if (first === undefined || second === undefined) return [first === undefined ? 'only second' : 'only first'];
  const checks: readonly (readonly [Aspect, boolean])[] = [
    ['kind', first.kind !== second.kind || !isDeepStrictEqual(first.device, second.device)],
    ['content', first.content !== second.content],
    ['mode', first.mode !== second.mode],
    ['owner', first.uid !== second.uid || first.gid !== second.gid],
    ['link', first.target !== second.target],
    ['time', first.mtimeSeconds !== second.mtimeSeconds],
    ['attributes', !isDeepStrictEqual(first.xattrs, second.xattrs)],
  ];
  return checks.filter(([, differs]) => differs).map(([aspect]) => aspect);
}
