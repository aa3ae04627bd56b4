/** A number that belongs to a text, and looks like chance. Pure. */

/** FNV-1a of 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv), mixed once so that near texts are far apart: 0 to 1. */
export function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 0x1_0000_0000;
}
