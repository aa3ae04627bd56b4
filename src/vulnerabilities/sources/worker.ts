/** The process in which a database is read. */
import { answerApart } from '../../platform/apart.ts';
import { keyOf } from '../match.ts';
import type { SourceFile } from './files.ts';
import { load } from './load.ts';

export interface LoadRequest {
  readonly files: readonly SourceFile[];
  /** As `keyOf` makes them. */
  readonly wanted: ReadonlySet<string>;
  /** The name of a vulnerability; null: none is asked for. */
  readonly name: string | null;
}

answerApart(({ files, wanted, name }: LoadRequest) => load(files, (ecosystem, of) => wanted.has(keyOf(ecosystem, of)), name));
