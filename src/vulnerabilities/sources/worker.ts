/** The thread in which a database is read. */
import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../../errors/error.ts';
import { keyOf } from '../match.ts';
import type { SourceFile } from './files.ts';
import { load, type Loaded } from './load.ts';

export interface LoadRequest {
  readonly files: readonly SourceFile[];
  /** As `keyOf` makes them. */
  readonly wanted: ReadonlySet<string>;
  /** The name of a vulnerability; null: none is asked for. */
  readonly name: string | null;
}

export type LoadAnswer = { readonly loaded: Loaded } | { readonly why: string };

const { files, wanted, name } = workerData as LoadRequest;
const isWanted = (ecosystem: string, of: string): boolean => wanted.has(keyOf(ecosystem, of));
const answer = await load(files, isWanted, name).then(
  (loaded): LoadAnswer => ({ loaded }),
  (error: unknown): LoadAnswer => ({ why: messageOf(error) }),
);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort?.postMessage(answer);
