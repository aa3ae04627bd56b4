/** Subjects of gates for tests: an image of no layers, changed where a test says so. */
import type { Digest } from '../../domain/digest.ts';
import type { Recipe, Stage } from '../../domain/recipe.ts';
import type { Image, ImageStore } from '../../oci/store.ts';
import type { GateSubject } from '../contract.ts';

const stage: Stage = {
  name: 'final',
  from: { kind: 'scratch' },
  packages: [],
  user: null,
  files: [],
  run: [],
  env: {},
  workdir: null,
};

export const recipeOf = (change: Partial<Stage> = {}, others: Partial<Recipe> = {}): Recipe => ({
  folder: '/nonexistent',
  stages: [],
  final: { ...stage, ...change },
  entrypoint: ['/app'],
  command: [],
  ports: [],
  labels: {},
  stopSignal: null,
  ...others,
});

export const imageOf = (config: Image['config']['config'] = {}, change: Partial<Image> = {}): Image => ({
  digest: `sha256:${'0'.repeat(64)}` as Digest,
  config: { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: [] } },
  layers: [],
  annotations: {},
  size: 0,
  ...change,
});

/** `store`: where a test asks for nothing of it, none is there. */
export const subjectOf = (change: Partial<GateSubject> = {}): GateSubject => ({
  service: 'web',
  recipe: recipeOf(),
  image: imageOf({ User: '10001:10001' }),
  store: {} as ImageStore,
  probe: 'http',
  runUser: null,
  tests: [],
  launch: () => {
    throw new Error('no instance is launched here');
  },
  baseline: null,
  policy: {
    failAt: { lint: 'high', secrets: 'medium', sbom: 'note', vulnerabilities: 'high', test: 'note' },
    vulnerabilities: { sources: [], unfixed: 'fail', maxAgeMs: 7 * 86_400_000 },
  },
  waivers: [],
  now: 0,
  signal: new AbortController().signal,
  cacheFolder: '/nonexistent/cache',
  ...change,
});
