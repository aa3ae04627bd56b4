/** The process in which a delta is made: it takes a core for seconds, which the daemon's fleets must not wait for. */
import type { Chunk } from '../../oci/delta/chunks.ts';
import type { Content } from '../../oci/delta/content.ts';
import { makeDelta, makeDeltaFromList } from '../../oci/delta/make.ts';
import { streamApart } from '../../platform/apart.ts';

export interface DeltaRequest {
  readonly fresh: Content;
  /** What is here of the old; or its chunks, where it is only on the other side. */
  readonly old: { readonly contents: readonly Content[]; readonly chunks: readonly Chunk[] };
}

streamApart(({ fresh, old: { contents, chunks } }: DeltaRequest) =>
  contents.length > 0 ? makeDelta(fresh, contents) : makeDeltaFromList(fresh, chunks),
);
