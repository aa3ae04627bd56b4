/** A Node service: package.json. */
import * as z from 'zod';

import type { Json } from '../domain/json.ts';
import { healthAssumption, healthPathIn, serving, type Proposal, type ProjectFolder } from './proposal.ts';

const Package = z.object({
  main: z.string().optional().catch(undefined),
  scripts: z.record(z.string(), z.string()).optional().catch(undefined),
  dependencies: z.record(z.string(), z.unknown()).optional().catch(undefined),
  engines: z.object({ node: z.string().optional() }).optional().catch(undefined),
});
type Package = z.output<typeof Package>;

const PORT = 3000;
/** Debian's own Node, by suite. */
const DEBIAN_NODE = [
  { suite: 'bookworm', major: 18 },
  { suite: 'trixie', major: 20 },
];

export function nodeService(folder: ProjectFolder): Proposal | null {
  const text = folder.read('package.json');
  if (text === null) return null;
  const manifest = readPackage(text);
  if (manifest === null) return null;
  const program = programOf(manifest, folder);
  const base = baseOf(manifest);
  const source = program.file === null ? '' : (folder.read(program.file) ?? '');
  const health = healthPathIn(source);
  const installs = Object.keys(manifest.dependencies ?? {}).length > 0 || manifest.scripts?.['build'] !== undefined;
  return {
    kind: 'a Node service',
    image: {
      from: base.from,
      ...(base.packages.length === 0 ? {} : { packages: [...base.packages, 'ca-certificates'] }),
      ...filesPart(manifest, folder, base.packages),
      workdir: '/app',
      user: 'app',
      env: { NODE_ENV: 'production', ...(program.file === null ? { PATH: BIN_PATH } : {}) },
      entrypoint: program.entrypoint,
      ports: [PORT],
    },
    run: serving(PORT, health, { env: { PORT: String(PORT) } }),
    files: {},
    assumed: [
      base.assumed,
      program.assumed,
      ...(installs ? [installAssumption(manifest, folder)] : []),
      `it listens on the port that the environment variable PORT names, ${PORT} here`,
      healthAssumption(health),
    ],
  };
}

const BIN_PATH = '/app/node_modules/.bin:/usr/local/bin:/usr/bin:/bin';

function readPackage(text: string): Package | null {
  try {
    return Package.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

interface Program {
  /** Null: more than one file is behind it. */
  readonly file: string | null;
  readonly entrypoint: readonly string[];
  readonly assumed: string;
}

function programOf({ scripts, main }: Package, folder: ProjectFolder): Program {
  const start = scripts?.['start'];
  const [, named] = /^node\s+(?:\.\/)?([\w./-]+)$/.exec(start ?? '') ?? [];
  const file =
    named ?? (start === undefined ? (main ?? CANDIDATES.find((name) => folder.names.includes(name)) ?? 'index.js') : null);
  if (file !== null) {
    const path = file.replace(/^\.\//, '');
    const why = named === undefined ? 'found by its name' : 'as its start script does';
    return { file: path, entrypoint: ['node', `/app/${path}`], assumed: `it is started by node ${path}, ${why}` };
  }
  return {
    file: null,
    entrypoint: ['/bin/sh', '-c', `exec ${start}`],
    assumed: 'it is started as its start script says, by a shell',
  };
}

const CANDIDATES = ['server.js', 'index.js', 'app.js', 'main.js', 'server.mjs', 'index.mjs'];

function baseOf({ engines }: Package): { readonly from: string; readonly packages: readonly string[]; readonly assumed: string } {
  const wanted = Number(/(\d{1,3})/.exec(engines?.node ?? '')?.[1] ?? 0);
  const debian = DEBIAN_NODE.find(({ major }) => major >= wanted);
  if (debian !== undefined) {
    return { from: `debian:${debian.suite}`, packages: ['nodejs'], assumed: `Node ${debian.major} of Debian ${debian.suite}` };
  }
  const from = `docker.io/library/node:${wanted}-bookworm-slim`;
  return {
    from,
    packages: [],
    assumed: `Node ${wanted} of ${from}, because package.json asks for it and Debian has none so new`,
  };
}

const lockOf = (folder: ProjectFolder): string | null =>
  ['package-lock.json', 'npm-shrinkwrap.json'].find((name) => folder.names.includes(name)) ?? null;

const installAssumption = ({ scripts }: Package, folder: ProjectFolder): string => {
  const how =
    lockOf(folder) === null ? 'npm install, because there is no package-lock.json: make one, or each bake may differ' : 'npm ci';
  return `its dependencies come by ${how}${scripts?.['build'] === undefined ? '' : ', and npm run build makes what is served'}`;
};

/** Dependencies are a stage of their own, so that a change of the sources does not install them anew. */
function filesPart(manifest: Package, folder: ProjectFolder, packages: readonly string[]): Readonly<Record<string, Json>> {
  const tools = packages.length === 0 ? {} : { packages: [...packages, 'npm'] };
  const install = lockOf(folder) === null ? 'npm install --ignore-scripts' : 'npm ci --ignore-scripts';
  const stage = { ...tools, workdir: '/app' };
  if (manifest.scripts?.['build'] !== undefined) {
    return {
      stages: {
        build: { ...stage, files: { './': '/app' }, run: [install, 'npm run build', 'npm prune --omit=dev --ignore-scripts'] },
      },
      files: [{ from: 'stage:build', path: '/app', to: '/app' }],
    };
  }
  if (Object.keys(manifest.dependencies ?? {}).length === 0) return { files: { './': '/app' } };
  return {
    stages: { dependencies: { ...stage, files: { 'package*.json': '/app/' }, run: [`${install} --omit=dev`] } },
    files: [
      { from: 'stage:dependencies', path: '/app/node_modules', to: '/app/node_modules' },
      { path: './', to: '/app' },
    ],
  };
}
