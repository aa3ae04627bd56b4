/** Tags in the store, `web:1.2.0`: which are allowed, and which images a short or misspelt one may have meant. */
import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { formatReference, parseReference } from './references.ts';
import type { StoredImage } from './store.ts';

const PREFIX = /^(?:sha256:)?([0-9a-f]{6,64})$/;

/** Throws TAG_REFUSED for what is malformed, has no version, or is `latest`. */
export function checkTag(tag: string): void {
  const version = versionOf(tag);
  if (version === null) throw refused(tag, 'it has no version', 'write it as NAME:VERSION, for example web:1.2.0');
  if (version !== 'latest') return;
  throw refused(
    tag,
    '`latest` says nothing about what it names and means another image tomorrow',
    'name the version or the git revision; for "the one in production" use a channel',
  );
}

/** Tags never move. Throws TAG_IMMUTABLE where one of the images, another than `digest`, has it. */
export function requireFree(tag: string, digest: Digest, images: readonly Pick<StoredImage, 'digest' | 'tags'>[]): void {
  const holder = images.find((image) => image.tags.includes(tag));
  if (holder === undefined || holder.digest === digest) return;
  throw new KilnError('TAG_IMMUTABLE', `the tag "${tag}" already names ${holder.digest}, not ${digest}`, {
    hint: 'give the new image a new version; to move what a name points to, use a channel',
  });
}

function versionOf(tag: string): string | null {
  try {
    const reference = parseReference(tag);
    return reference.digest === null ? reference.tag : null;
  } catch (cause) {
    throw refused(
      tag,
      cause instanceof Error ? cause.message : 'it is malformed',
      'write it as NAME:VERSION, for example web:1.2.0',
    );
  }
}

function refused(tag: string, why: string, hint: string): KilnError {
  return new KilnError('TAG_REFUSED', `"${tag}" cannot be a tag: ${why}`, { hint });
}

/** `debian:bookworm` as a pull from Docker's registry calls it here; null for what is no tag. */
function fullName(reference: string): string | null {
  try {
    const parsed = parseReference(reference);
    return parsed.tag === null ? null : formatReference({ ...parsed, digest: null });
  } catch {
    return null;
  }
}

/** By full digest, by a prefix of its hexadecimal digits that fits one image only, or by tag. Throws IMAGE_NOT_FOUND. */
export function findImage(reference: string, images: readonly StoredImage[]): Digest {
  const names = [reference, fullName(reference)];
  const tagged = names.flatMap((name) => images.find((image) => name !== null && image.tags.includes(name)) ?? [])[0];
  if (tagged !== undefined) return tagged.digest;
  const prefix = PREFIX.exec(reference)?.[1];
  if (prefix === undefined) throw notFound(`no image "${reference}" is in the store`, near(reference, images));
  const fitting = images.map((image) => image.digest).filter((digest) => digest.startsWith(`sha256:${prefix}`));
  if (fitting.length === 1 && fitting[0] !== undefined) return fitting[0];
  if (fitting.length > 1) throw notFound(`"${reference}" fits ${fitting.length} images`, fitting);
  throw notFound(isDigest(reference) ? `${reference} is not in the store` : `no image's digest starts with "${prefix}"`, []);
}

/** Tags of the same name first; else all that there are, as far as a line holds them. */
function near(reference: string, images: readonly StoredImage[]): readonly string[] {
  const name = reference.split(':')[0] ?? '';
  const tags = images.flatMap((image) => image.tags);
  const same = tags.filter((tag) => tag.startsWith(name));
  return same.length > 0 ? same : tags;
}

function notFound(message: string, near: readonly string[]): KilnError {
  const some = near.slice(-5).join(', ');
  return new KilnError('IMAGE_NOT_FOUND', message, {
    hint:
      some === '' ? 'bake or pull the image; `kiln images` lists what is there' : `near it: ${some}; \`kiln images\` lists all`,
  });
}
