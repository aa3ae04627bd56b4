/** Semantic Versioning 2.0.0, for npm, crates.io and Go; and what Go's own releases are called. */
import { compare, parse, type SemVer } from 'semver';

/** Null where one of the two is no semantic version. */
export function compareSemantic(a: string, b: string): number | null {
  const [left, right] = [parse(a), parse(b)];
  return left === null || right === null ? null : compare(left, right);
}

/** Go's modules have a `v` in front, its own releases may leave numbers out: 1.22, 1.22rc1. */
export function compareGo(a: string, b: string): number | null {
  const [left, right] = [parseGo(a), parseGo(b)];
  return left === null || right === null ? null : compare(left, right);
}

const RELEASE = /^v?([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?(rc|beta)?([0-9]{1,9})?$/;

function parseGo(version: string): SemVer | null {
  const [, major, minor, patch = '0', phase, number = '0'] = RELEASE.exec(version) ?? [];
  if (major === undefined) return parse(version);
  return parse(`${major}.${minor}.${patch}${phase === undefined ? '' : `-${phase}.${number}`}`);
}
