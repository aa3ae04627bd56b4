/** Which image of an index is meant: for this machine, or for the platform that was asked for. Pure. */
import { KilnError } from '../errors/error.ts';
import type { IndexEntry } from './schema.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Null: any, the plainest first. */
  readonly variant: string | null;
}

const PLATFORM = /^([a-z0-9]{1,20})\/([a-z0-9_]{1,20})(?:\/([a-z0-9.]{1,20}))?$/;

/** As Go names it, and so every platform in an index. */
const hostArchitecture = (): string => ({ x64: 'amd64', ia32: '386' })[process.arch as string] ?? process.arch;

export const hostPlatform = (): Platform => ({ os: 'linux', architecture: hostArchitecture(), variant: null });

/** `linux/arm64` or `linux/arm/v7`. Throws USAGE. */
export function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] = PLATFORM.exec(text) ?? [];
  if (os !== undefined && architecture !== undefined) return { os, architecture, variant: variant ?? null };
  throw new KilnError('USAGE', `"${text}" is not a platform`, {
    hint: 'write it as OS/ARCHITECTURE[/VARIANT], as in linux/arm64',
  });
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter((part) => part !== null).join('/');

/** Throws IMAGE_NOT_FOUND with what there is. `repository`: for the text. */
export function chooseEntry(entries: readonly IndexEntry[], wanted: Platform, repository: string): IndexEntry {
  const fitting = entries.filter(({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture);
  const chosen =
    wanted.variant === null
      ? (fitting.find(({ platform }) => platform?.variant === undefined) ?? fitting[0])
      : fitting.find(({ platform }) => platform?.variant === wanted.variant);
  if (chosen !== undefined) return chosen;
  throw notFor(wanted, repository, `only: ${offered(entries)}`);
}

/** Throws IMAGE_NOT_FOUND where a single image is for another platform. */
export function checkPlatform(config: { os: string; architecture: string }, wanted: Platform, repository: string): void {
  if (config.os === wanted.os && config.architecture === wanted.architecture) return;
  throw notFor(wanted, repository, `only: ${config.os}/${config.architecture}`);
}

function notFor(wanted: Platform, repository: string, offer: string): KilnError {
  return new KilnError('IMAGE_NOT_FOUND', `${repository} has no image for ${formatPlatform(wanted)}, ${offer}`, {
    hint: 'use an image that is built for this processor, or name one of these platforms with --platform',
  });
}

/** What BuildKit attaches to an index says that it is for `unknown/unknown`. */
function offered(entries: readonly IndexEntry[]): string {
  const platforms = entries.map(({ platform }) =>
    [platform?.os ?? '?', platform?.architecture ?? '?', platform?.variant].filter((part) => part !== undefined).join('/'),
  );
  const known = [...new Set(platforms)].filter((name) => !name.startsWith('unknown/'));
  return known.length === 0 ? 'none' : known.slice(0, 20).join(', ');
}
