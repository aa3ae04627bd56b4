/** Where an entry of a layer may be: names that stay below the root, whatever the archive says. */
import { shown, unsafe } from './tar-format.ts';

/** Linux: NAME_MAX, and PATH_MAX less room for the folder that the layer is unpacked in. */
const NAME_BYTES = 255;
const PATH_BYTES = 3500;

/** Relative, without `.`, doubled or trailing slashes; '' is the root. Throws LAYER_UNSAFE for what leads elsewhere. */
export function entryPath(raw: string): string {
  if (raw.startsWith('/')) throw unsafe(`entry ${shown(raw)} has an absolute path`);
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw unsafe(`entry ${shown(raw)} leads out of the layer`);
  const path = parts.join('/');
  if (path.length > PATH_BYTES || parts.some((part) => part.length > NAME_BYTES)) {
    throw unsafe(`entry ${shown(raw.slice(0, 80))}… has a longer name than Linux allows`);
  }
  return path;
}

/** A hard link's target is a path in the archive; some writers begin it with a slash, and mean the layer's root. */
export const linkPath = (raw: string): string => entryPath(raw.replace(/^\/+/, ''));

/** '' for the root's own entries. */
export const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
