/**
 * Images whose blobs were damaged or lost on disk. One must not stand in the way of the others: it is shown as damaged, kept
 * by gc with all that it might need, and mended by a bake or pull, which puts back what is not whole.
 */
import { shortDigest, type Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import type { Image, ImageStore } from '../oci/store.ts';

const SIGNS: ReadonlySet<string> = new Set(['DIGEST_MISMATCH', 'IMAGE_INVALID', 'IMAGE_NOT_FOUND']);

/** The image, or the error that says what of it is damaged or absent. */
export async function readImage(images: ImageStore, digest: Digest): Promise<Image | KilnError> {
  try {
    return await images.image(digest);
  } catch (error) {
    if (error instanceof KilnError && SIGNS.has(error.code)) return error;
    throw error;
  }
}

export const isDamaged = (read: Image | KilnError): read is KilnError => read instanceof KilnError;

/** For who can do nothing without the image. Throws IMAGE_DAMAGED where it is listed and can't be read, else what the store throws. */
export async function soundImage(images: ImageStore, digest: Digest): Promise<Image> {
  const read = await readImage(images, digest);
  if (!isDamaged(read)) return read;
  const stored = (await images.list()).find((each) => each.digest === digest);
  if (stored === undefined) throw read;
  const name = [shortDigest(digest), ...stored.tags].join(', ');
  throw new KilnError('IMAGE_DAMAGED', `the image ${name} is damaged on disk: ${read.message}`, {
    hint: 'bake it again (the same inputs make the same image) or pull it again: that puts back what is not whole',
    cause: read,
  });
}
