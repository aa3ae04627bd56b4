/**
 * What is known to be wrong with packages: each kind has its own order of versions, by which advisories say what they affect.
 */
import type { PackageType } from '../../sbom/package.ts';
import { compareApk } from './apk.ts';
import { compareDpkg } from './dpkg.ts';
import { comparePep440 } from './pep440.ts';
import { compareGo, compareSemantic } from './semantic.ts';

/** Less than, equal to or greater than 0; null where one of the two is no version of this kind. */
export type Compare = (a: string, b: string) => number | null;

export const COMPARE: Readonly<Record<PackageType, Compare>> = {
  deb: compareDpkg,
  apk: compareApk,
  npm: compareSemantic,
  cargo: compareSemantic,
  golang: compareGo,
  pypi: comparePep440,
};
