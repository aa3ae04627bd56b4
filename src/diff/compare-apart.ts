/** Compares the contents of two images in a process of its own: a stranger's image may hold a million names, and healing must not wait. */
import { KilnError } from '../errors/error.ts';
import type { Image } from '../oci/store.ts';
import { apart, OutOfMemory } from '../platform/apart.ts';
import type { ContentsDifference } from './contract.ts';
import type { CompareRequest } from './compare-process.ts';

const MEMORY_MB = 2048;

/** Throws what `compareContents` throws, LAYER_UNSAFE where the images hold more names than fit in memory, or the signal's reason. */
export async function compareApart(
  first: Image,
  second: Image,
  { signal, ...options }: Omit<CompareRequest, 'first' | 'second'> & { readonly signal: AbortSignal },
): Promise<ContentsDifference> {
  const request: CompareRequest = { ...options, first: first.layers, second: second.layers };
  try {
    return await apart(new URL('compare-process.ts', import.meta.url), request, { memoryMb: MEMORY_MB, signal });
  } catch (error) {
    if (!(error instanceof OutOfMemory)) throw error;
    throw new KilnError('LAYER_UNSAFE', 'the images hold more files than can be compared', {
      hint: 'look at them one by one: `kiln sbom` lists the packages of an image of any size',
      cause: error,
    });
  }
}
