/**
 * The bake with nothing changed and with one file changed; buildah on the same recipe (as a Dockerfile over the same base
 * image and the same node_modules) beside it, in turns.
 *   node bench/bake.ts [RUNS, 10]
 */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { print } from './figures.ts';
import { openSite, runProgram, type Site, type Told } from './site.ts';

const RUNS = Number(process.argv[2] ?? 10);

/** What the bake reports of its own work, and the whole command. */
async function kilnOnce(site: Site): Promise<{ readonly work: number; readonly command: number }> {
  const told = await site.must('bake', '--json');
  return { work: (JSON.parse(told.stdout) as { ms: number }).ms, command: told.ms };
}

async function buildah(site: Site, ...args: readonly string[]): Promise<Told> {
  const storage = ['--root', join(site.home.root, 'buildah'), '--runroot', join(site.home.root, 'buildah-run')];
  const told = await runProgram('buildah', [...storage, '--storage-driver', 'overlay', ...args], { cwd: site.folder });
  if (told.code !== 0) throw new Error(told.stderr);
  return told;
}

async function prepareBuildah(site: Site): Promise<() => Promise<Told>> {
  const base = (JSON.parse((await site.must('bake', '--json')).stdout) as { digest: string }).digest;
  await site.must('tag', base, 'bench:base');
  const storage = `[overlay@${join(site.home.root, 'buildah')}+${join(site.home.root, 'buildah-run')}]`;
  const to = `containers-storage:${storage}localhost/bench-base:latest`;
  const copied = await runProgram('skopeo', ['copy', '-q', `oci:${site.home.images}:bench:base`, to]);
  if (copied.code !== 0) throw new Error(copied.stderr);
  await writeFile(join(site.folder, 'Dockerfile.bench'), 'FROM localhost/bench-base\nCOPY . /app\n');
  return () => buildah(site, 'bud', '--layers', '--isolation', 'chroot', '-f', 'Dockerfile.bench', '-t', 'bench', '.');
}

const site = await openSite('web', 18_087);
try {
  await site.must('bake');
  const build = await prepareBuildah(site);
  await build();
  const same: Record<'work' | 'command' | 'buildah', number[]> = { work: [], command: [], buildah: [] };
  const changed: typeof same = { work: [], command: [], buildah: [] };
  for (let run = 0; run < RUNS; run++) {
    for (const [list, change] of [
      [same, false],
      [changed, true],
    ] as const) {
      if (change) await appendFile(join(site.folder, 'server.js'), `// ${run}\n`);
      const { work, command } = await kilnOnce(site);
      list.work.push(work);
      list.command.push(command);
      list.buildah.push((await build()).ms);
    }
  }
  print([
    { what: 'nothing changed: work in the daemon', unit: 'ms', runs: same.work },
    { what: 'nothing changed: kiln bake', unit: 'ms', runs: same.command },
    { what: 'nothing changed: buildah bud --layers', unit: 'ms', runs: same.buildah },
    { what: 'one file changed: work in the daemon', unit: 'ms', runs: changed.work },
    { what: 'one file changed: kiln bake', unit: 'ms', runs: changed.command },
    { what: 'one file changed: buildah bud --layers', unit: 'ms', runs: changed.buildah },
  ]);
} finally {
  await site.close();
}
