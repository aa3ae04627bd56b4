/** The shape of the source: which part may import which, and what no part may contain. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

/**
 * For each part of src/ what of the project it may import, besides itself. A part is a folder; of `engines` the files at
 * its top are one part (`engines`) and each folder is another (`engines/host`). `main` is the composition root.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'anything but cli' | 'anything'>> = {
  domain: [],
  errors: [],
  platform: ['errors', 'domain'],
  // Of engines/engine.ts only the types of what is observed.
  plan: ['domain', 'errors', 'engines'],
  // Pure, like plan.
  lineage: ['domain', 'errors'],
  spec: ['domain', 'errors', 'platform'],
  packer: ['domain', 'errors', 'platform', 'spec'],
  init: ['domain', 'errors', 'spec'],
  oci: ['domain', 'errors', 'platform'],
  aws: ['errors', 'platform', 'oci'],
  registry: ['domain', 'errors', 'platform', 'oci', 'aws'],
  config: ['domain', 'errors', 'platform', 'oci', 'aws'],
  linux: ['domain', 'errors', 'platform', 'oci'],
  bake: ['domain', 'errors', 'platform', 'oci', 'linux'],
  // Of bake only how a Dockerfile is read: two readers would disagree some day.
  gates: ['domain', 'errors', 'platform', 'oci', 'bake', 'engines'],
  sbom: ['domain', 'errors', 'platform', 'oci', 'gates'],
  vulnerabilities: ['domain', 'errors', 'platform', 'oci', 'gates', 'sbom'],
  diff: ['domain', 'errors', 'platform', 'oci', 'gates', 'sbom', 'vulnerabilities'],
  reproduce: ['domain', 'errors', 'platform', 'oci', 'linux', 'bake'],
  traffic: ['domain', 'errors', 'platform', 'engines'],
  engines: ['domain', 'errors'],
  'engines/*': ['domain', 'errors', 'platform', 'oci', 'linux', 'engines'],
  keys: ['domain', 'errors', 'platform', 'oci', 'aws'],
  evidence: ['domain', 'errors', 'platform', 'oci', 'keys'],
  // Of oci only its HTTP.
  measure: ['domain', 'errors', 'platform', 'oci'],
  store: ['domain', 'errors', 'platform'],
  notify: ['domain', 'errors', 'platform', 'store'],
  execute: ['domain', 'errors', 'platform', 'plan', 'store', 'engines'],
  daemon: 'anything but cli',
  api: ['domain', 'errors', 'spec', 'platform'],
  client: ['api', 'domain', 'errors', 'platform'],
  cli: ['client', 'packer', 'init', 'spec', 'keys', 'domain', 'errors', 'platform'],
  web: ['client'],
  main: 'anything',
};

const MAX_LINES = 450;
const VAGUE_FOLDERS = new Set(['utils', 'helpers', 'manager', 'common']);
/** Of package registries. Mirrors are the machine's business, not the project's. */
const REGISTRY_HOSTS = /npmjs[.]|registry[.]npm|(deb|snapshot|security)[.]debian/;

interface SourceFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const filesMatching = (...globs: readonly string[]): readonly string[] =>
  globSync([...globs], { cwd: ROOT, exclude: (name) => name.includes('node_modules') }).toSorted();

const sources: readonly SourceFile[] = filesMatching('src/**/*.ts').map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, imports: importsOf(path, text) };
});
const shipped = sources.filter(({ path }) => !path.endsWith('.test.ts'));

/** The project's own files that are imported, types included, as paths relative to the project. */
function importsOf(path: string, text: string, pattern = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g): readonly string[] {
  return [...text.matchAll(pattern)].map(([, specifier]) => relative(ROOT, resolve(ROOT, dirname(path), specifier ?? '')));
}

function partOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  if (first.endsWith('.ts')) return first.slice(0, -'.ts'.length);
  return first === 'engines' && !second.endsWith('.ts') ? `engines/${second}` : first;
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const allowed = MAY_IMPORT[from] ?? MAY_IMPORT[from.replace(/\/.*/, '/*')];
  assert.ok(allowed !== undefined, `src/${from} is not in the table of imports`);
  if (allowed === 'anything') return true;
  if (allowed === 'anything but cli') return to !== 'cli' && to !== 'main';
  return allowed.includes(to);
}

test('imports point one way', () => {
  const wrong = shipped.flatMap(({ path, imports }) =>
    imports.filter((target) => !mayImport(partOf(path), partOf(target))).map((target) => `${path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

/** A lazy import runs when all that is static has long been loaded: it closes no cycle. */
const STATIC_IMPORT = /\bfrom\s*'(\.{1,2}\/[^']+)'/g;

test('no file imports itself, through however many others', () => {
  const importsByPath = new Map(shipped.map(({ path, text }) => [path, importsOf(path, text, STATIC_IMPORT)]));
  const done = new Set<string>();
  const findCycle = (path: string, trail: readonly string[]): readonly string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const target of importsByPath.get(path) ?? []) {
      const cycle = findCycle(target, [...trail, path]);
      if (cycle !== null) return cycle;
    }
    done.add(path);
    return null;
  };
  for (const { path } of shipped) assert.equal(findCycle(path, [])?.join(' → '), undefined);
});

test('no folder has a name that anything could go in', () => {
  const vague = sources.filter(({ path }) => path.split('/').some((name) => VAGUE_FOLDERS.has(name.replace(/\.ts$/, ''))));
  assert.deepEqual(
    vague.map(({ path }) => path),
    [],
  );
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = sources.filter(({ text }) => text.split('\n').length > MAX_LINES);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});

test("each part says at its entry's top what it owns", () => {
  const parts = Map.groupBy(shipped, ({ path }) => partOf(path));
  const silent = [...parts].filter(([, files]) => !files.some(({ text }) => text.startsWith('/**')));
  assert.deepEqual(
    silent.map(([part]) => part),
    [],
  );
});

test('nothing in the project names a package registry', () => {
  const everything = filesMatching('*', '{.ci,bin,src,test,scripts,bench,docs,examples}/**')
    .map((path) => join(ROOT, path))
    .filter((path) => statSync(path).isFile());
  const naming = everything.filter((path) => REGISTRY_HOSTS.test(readFileSync(path, 'utf8')));
  assert.deepEqual(naming, []);
});
