/**
 * One recipe baked by Kiln and, as a Dockerfile over the same base, by buildah and BuildKit, in turns: cold (the base is there, the
 * packages are not), with nothing changed, with one file changed, with one package more. Kiln's time includes its gates and evidence.
 *   node bench/bake.ts [RUNS, 10] [all|kiln: without the others]
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { BASE, type Builder, openBuildah, openBuildKit } from './builders.ts';
import { type Figure, print } from './figures.ts';
import { openSite, type Site } from './site.ts';

const RUNS = Number(process.argv[2] ?? 10);
const ALONE = process.argv[3] === 'kiln';
const PACKAGES = ['nodejs', 'ca-certificates'];
/** One more at a time, small and of no other package's. */
const MORE = ['jq', 'less', 'bc', 'file', 'tree', 'xxd', 'zip', 'lsof', 'time', 'patch'];

const recipe = (packages: readonly string[], files: boolean): string => `service: bench
image:
  from: debian:bookworm
  packages: [${packages.join(', ')}]
${files ? '  files:\n    - { path: app/, to: /app }\n' : ''}  entrypoint: [node, /app/server.js]
run: { port: 3000, health: { http: / } }
environments:
  local: { engine: host, listen: 18087 }
`;

/** Where this machine gets Debian from: Kiln's base names no mirror, and has no gpgv, so that the others check no signature. */
const SOURCES = '/etc/apt/sources.list.d/debian.sources';

const dockerfile = (packages: readonly string[]): string => `FROM ${BASE}
USER root
COPY debian.sources /etc/apt/sources.list.d/
RUN mkdir -p /var/lib/apt/lists/partial && apt-get update -q && \\
  apt-get install -q -y --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/*
COPY app /app
ENTRYPOINT ["node", "/app/server.js"]
`;

async function writePackages(site: Site, packages: readonly string[]): Promise<void> {
  await writeFile(join(site.folder, 'kiln.yaml'), recipe(packages, true));
  await writeFile(join(site.folder, 'Dockerfile'), dockerfile(packages));
}

const figures = new Map<string, number[]>();
const note = (what: string, ms: number): void => void figures.set(what, [...(figures.get(what) ?? []), ms]);

/** What the bake reports of its own work, and each whole command. */
async function measure(what: string, site: Site, builders: readonly Builder[]): Promise<void> {
  const { stdout, ms } = await site.must('bake', '--json');
  note(`${what}: kiln bake`, ms);
  note(`${what}: of that the steps`, (JSON.parse(stdout) as { ms: number }).ms);
  for (const builder of builders) note(`${what}: ${builder.name}`, (await builder.build(site.folder)).ms);
}

/** The base, baked once: Kiln's step cache has it, and the others build on it. */
async function openBuilders(site: Site): Promise<readonly Builder[]> {
  await writeFile(join(site.folder, 'kiln.yaml'), recipe([], false));
  await site.must('bake', '--tag', 'base');
  if (ALONE) return [];
  const layout = `oci:${site.home.images}:bench:base`;
  const root = join(site.home.root, 'builders');
  await mkdir(root);
  return [await openBuildah(root, layout), await openBuildKit(root, layout)];
}

const site = await openSite('web', 18_087);
const builders = await openBuilders(site);
try {
  await mkdir(join(site.folder, 'app'));
  for (let at = 0; at < 40; at += 1)
    await writeFile(join(site.folder, 'app', `${at}.js`), `export const n = ${at};\n`.repeat(200));
  const sources = (await readFile(SOURCES, 'utf8')).replaceAll(/^Signed-By:.*$/gm, 'Trusted: yes');
  await writeFile(join(site.folder, 'debian.sources'), sources);
  await writePackages(site, PACKAGES);
  await measure('cold', site, builders);
  for (let run = 0; run < RUNS; run += 1) {
    await measure('nothing changed', site, builders);
    await appendFile(join(site.folder, 'app', 'server.js'), `// ${run}\n`);
    await measure('one file changed', site, builders);
  }
  for (const more of MORE.slice(0, Math.ceil(RUNS / 3))) {
    await writePackages(site, [...PACKAGES, more]);
    await measure('one package more', site, builders);
  }
  print([...figures].map(([what, runs]): Figure => ({ what, unit: 'ms', runs })));
} finally {
  for (const builder of builders) await builder.close();
  await site.close();
}
