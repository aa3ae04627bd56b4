/** Runs in a thread of its own: checks the hash chain of the journal in the file that it was given. */
import { parentPort, workerData } from 'node:worker_threads';

import { verifyFile } from './sqlite.ts';

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(verifyFile(workerData as string));
