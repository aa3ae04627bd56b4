/**
 * `kiln diff` of an image of 1 GiB and its neighbour, of which one layer is another: the whole command, with the daemon
 * running. First where nothing is known of any layer, as after a pull; then again. Where the other layer also has a new file,
 * the layers below have to be read once, too: they say that it is new. Beside the time the processor time of the daemon, which
 * does not depend on what else the machine does.
 *   node bench/diff.ts [RUNS, 3] [MEGABYTES, 1074]
 */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createClient } from '../src/client/client.ts';
import { type LayerEntry, writeLayer } from '../src/oci/layer-writer.ts';
import { openImageStore } from '../src/oci/layout.ts';
import type { ImageStore, Layer } from '../src/oci/store.ts';
import { configOf } from '../src/oci/testing/images.ts';
import { kilnHome } from '../src/platform/home.ts';
import { type Figure, print } from './figures.ts';
import { runProgram } from './site.ts';

const RUNS = Number(process.argv[2] ?? 3);
const MEGABYTES = Number(process.argv[3] ?? 1074);
const KILN = join(import.meta.dirname, '..', 'bin', 'kiln');
const LAYERS = 5;
const FILE_BYTES = 100_000;
const DIFFERENT = 3;

/** Half is what programs are made of, half is like pictures, which can't be compressed. */
const PROGRAM = await readFile(process.execPath);

function fileOf(path: string): LayerEntry {
  const at = randomInt(2 * (PROGRAM.length - FILE_BYTES));
  const isProgram = at < PROGRAM.length - FILE_BYTES;
  const content = isProgram ? PROGRAM.subarray(at, at + FILE_BYTES) : randomBytes(FILE_BYTES);
  return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, content };
}

const layerOf = (store: ImageStore, folder: string, megabytes: number): Promise<Layer> =>
  writeLayer(
    store,
    Array.from({ length: (megabytes * 1e6) / FILE_BYTES }, (_, index) => fileOf(`${folder}/${index}`)),
    { epochSeconds: 0 },
  );

/** Three images over the same layers: the second has other files in its uppermost, the third one more. */
async function writeImages(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const store = await openImageStore(join(home, 'images'));
  const each = Math.floor(MEGABYTES / LAYERS);
  const base: Layer[] = [];
  for (let index = 1; index < LAYERS; index++) base.push(await layerOf(store, `srv/${index}`, each));
  for (const version of ['1', '2', '3']) {
    const top = [await layerOf(store, 'app', each)];
    if (version === '3') top.push(await writeLayer(store, [fileOf('app/more')], { epochSeconds: 0 }));
    const layers = [...base, ...top];
    await store.tag(await store.putImage(configOf(layers), layers, {}), `bench:${version}`);
  }
}

const figures = new Map<string, number[]>();

const note = (what: string, seconds: number): void => void figures.set(what, [...(figures.get(what) ?? []), seconds]);

/** Of the process and those that it has started and that have ended: proc(5), stat, fields 14 to 17, in hundredths of a second. */
async function processorSeconds(pid: number): Promise<number> {
  const [, fields = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  return (
    fields
      .split(' ')
      .slice(11, 15)
      .reduce((sum, ticks) => sum + Number(ticks), 0) / 100
  );
}

async function measured(what: string, home: string, second: string): Promise<void> {
  const env = { ...process.env, KILN_HOME: home };
  const { pid } = await createClient(kilnHome({ KILN_HOME: home }, 0)).health();
  const before = await processorSeconds(pid);
  const { code, ms, stderr } = await runProgram(KILN, ['diff', 'bench:1', second], { env, cwd: home });
  if (code !== DIFFERENT) throw new Error(`kiln diff bench:1 ${second} ended with ${code}: ${stderr}`);
  note(what, ms / 1000);
  note(`${what}, processor`, (await processorSeconds(pid)) - before);
}

const forget = (home: string): Promise<void> => rm(join(home, 'bake', 'gates'), { recursive: true, force: true });

const root = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
const home = join(root, 'home');
async function kiln(command: 'up' | 'down'): Promise<void> {
  const { code, stderr } = await runProgram(KILN, [command], { env: { ...process.env, KILN_HOME: home }, cwd: root });
  if (code !== 0) throw new Error(`kiln ${command} ended with ${code}; ${home} is left as it is: ${stderr}`);
}

await writeImages(home);
await kiln('up');
try {
  for (let run = 0; run < RUNS; run++) {
    await forget(home);
    await measured('first: one layer is another', home, 'bench:2');
    await measured('again: one layer is another', home, 'bench:2');
    await forget(home);
    await measured('first: and a file is new', home, 'bench:3');
    await measured('again: and a file is new', home, 'bench:3');
  }
  print([...figures].map(([what, runs]): Figure => ({ what, unit: 's', runs })));
} finally {
  await kiln('down');
  await rm(root, { recursive: true, force: true });
}
