/** What a document is about, and the words of licenses, common to both formats. */
import parse from 'spdx-expression-parse';

import type { Digest } from '../../domain/digest.ts';
import type { Inventory, Package } from '../package.ts';

export interface DocumentSubject {
  /** Of the image's manifest. */
  readonly digest: Digest;
  /** What the image is of: a service's name, or a tag's. */
  readonly name: string;
  /** ISO 8601 in UTC, of the image's configuration: documents have no clock of their own. Null where it says none. */
  readonly created: string | null;
  readonly inventory: Inventory;
  /** Kiln's own version. */
  readonly toolVersion: string;
}

/** One package, wherever in the image it is found: a document names each once. In the order of the inventory. */
export function byPurl(packages: readonly Package[]): ReadonlyMap<string, readonly Package[]> {
  return Map.groupBy(packages, ({ purl }) => purl);
}

/** Whether it is a valid SPDX expression of known licenses. */
export function isSpdxExpression(license: string): boolean {
  try {
    parse(license);
    return true;
  } catch {
    return false;
  }
}

/** `2026-03-01T12:00:00Z`; null for what is no such time. */
export const timestampOf = (created: string | undefined): string | null => {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) ? null : `${new Date(time).toISOString().slice(0, 19)}Z`;
};
