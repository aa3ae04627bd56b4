/** The process in which a delta is made: it takes a core for seconds, which the daemon's fleets must not wait for. */
import { decodeChunks } from '../../oci/delta/chunks.ts';
import type { Content } from '../../oci/delta/content.ts';
import { makeDelta, makeDeltaFromList } from '../../oci/delta/make.ts';
import { streamApart } from '../../platform/apart.ts';

export interface DeltaRequest {
  readonly fresh: Content;
  /** What is here of the old; or the list of its chunks, where it is only on the other side. */
  readonly old: { readonly contents: readonly Content[] } | { readonly list: Buffer };
}

streamApart(({ fresh, old }: DeltaRequest) =>
  'contents' in old
    ? makeDelta(fresh, old.contents)
    : // As it was sent between processes it is no Buffer any more.
      makeDeltaFromList(fresh, decodeChunks(Buffer.from(old.list)) ?? []),
);
