/**
 * `kiln bake --verify` over the examples and the corpus: which images are the same when they are baked once more elsewhere.
 * Ends with 3 where one is not.
 *   node bench/reproducibility.ts [NAME …]
 */
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { openSite, runProgram, type Site } from './site.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['test/corpus', 'examples'];

/** What a recipe starts from, which has to be baked and tagged before it. */
const AFTER: Readonly<Record<string, string>> = { 'on-image': 'static', 'on-layout': 'packages', dockerfile: 'python' };

interface Told {
  readonly name: string;
  readonly steps: number;
  readonly bakeMs: number;
  readonly again: { readonly same: boolean; readonly ms: number; readonly differences: readonly Difference[] };
}

interface Difference {
  readonly path: string | null;
  readonly cause: string | null;
}

/** Those asked for, and what they stand on; each after what it stands on. */
async function recipes(asked: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const folder of FOLDERS) for (const name of await readdir(join(ROOT, folder))) found.set(name, join(ROOT, folder, name));
  const wanted = asked.length === 0 ? [...found.keys()].toSorted() : asked;
  const order = new Set(wanted.flatMap((name) => (AFTER[name] === undefined ? [name] : [AFTER[name], name])));
  const first = [...order].toSorted((a, b) => Number(a in AFTER) - Number(b in AFTER));
  return new Map(first.map((name) => [name, found.get(name) ?? '']).filter(([, path]) => path !== '') as [string, string][]);
}

async function verify(site: Site, name: string, from: string): Promise<Told> {
  const folder = join(site.folder, '..', 'recipes', name);
  await cp(from, folder, { recursive: true, verbatimSymlinks: true });
  if (name === 'on-layout') await makeLayout(site);
  await imported(site, folder);
  const told = await site.kiln('bake', folder, '--tag', '1', '--verify', '--json');
  if (told.code !== 0 && told.code !== 3) throw new Error(`${name}: ${told.stderr || told.stdout.slice(0, 2000)}`);
  const { steps, ms, reproduction } = JSON.parse(told.stdout) as { steps: unknown[]; ms: number; reproduction: Told['again'] };
  return { name, steps: steps.length, bakeMs: ms, again: reproduction };
}

/** A template of Packer's becomes a recipe first. */
async function imported(site: Site, folder: string): Promise<void> {
  const template = (await readdir(folder)).find((each) => each.endsWith('.pkr.hcl') || each === 'template.json');
  if (template === undefined) return;
  const told = await site.kiln('import', 'packer', join(folder, template), '--base', 'amazon-ebs=debian:bookworm');
  if (told.code !== 0) throw new Error(told.stderr);
}

async function makeLayout(site: Site): Promise<void> {
  const to = join(site.folder, '..', 'recipes', 'layout');
  const copied = await runProgram('skopeo', ['copy', '-q', `oci:${site.home.images}:packages:1`, `oci:${to}:packages`]);
  if (copied.code !== 0) throw new Error(copied.stderr);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const site = await openSite('site', 19_290);
let failed = 0;
try {
  console.log('| recipe | steps | bake | once more elsewhere | the same |\n| --- | ---: | ---: | ---: | --- |');
  for (const [name, from] of await recipes(process.argv.slice(2))) {
    const { steps, bakeMs, again } = await verify(site, name, from);
    if (!again.same) failed += 1;
    const why = again.differences.slice(0, 5).map(({ path, cause }) => `${path ?? 'configuration'} (${cause ?? 'unknown'})`);
    const verdict = again.same ? 'yes' : `no: ${why.join(', ')}`;
    console.log(`| ${name} | ${steps} | ${seconds(bakeMs)} | ${seconds(again.ms)} | ${verdict} |`);
  }
} finally {
  await site.close();
}
process.exit(failed === 0 ? 0 : 3);
