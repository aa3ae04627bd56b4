/**
 * What stands on a base and in which order it is made again: 100 real images on three levels, asked of a daemon, and 10,000
 * bakes in memory. Checks that the affected set is exact.
 *   node bench/cascade.ts [RUNS, 10]
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Digest } from '../src/domain/digest.ts';
import type { ServiceName } from '../src/domain/ids.ts';
import { planCascade } from '../src/lineage/cascade.ts';
import type { LineageEvent } from '../src/lineage/events.ts';
import { replayLineage } from '../src/lineage/state.ts';
import { print, type Figure } from './figures.ts';
import { openSite, type Site } from './site.ts';

const RUNS = Number(process.argv[2] ?? 10);
const RUNTIMES = 9;
const IMAGES = 100;
const CVE = 'CVE-2026-1';
/** Two thirds of the runtimes stand on the base that is asked about. */
const isBelow = (runtime: number): boolean => runtime % 3 !== 2;

interface Service {
  readonly name: string;
  readonly on: string | null;
}

/** base and apart; nine runtimes on them; the rest stands on the runtimes. */
const services: readonly Service[] = [
  { name: 'base', on: null },
  { name: 'apart', on: null },
  ...Array.from({ length: RUNTIMES }, (_, index) => ({ name: `runtime${index}`, on: isBelow(index) ? 'base' : 'apart' })),
  ...Array.from({ length: IMAGES - 2 - RUNTIMES }, (_, index) => ({ name: `app${index}`, on: `runtime${index % RUNTIMES}` })),
];

const expected = services
  .filter(({ on }) => on === 'base' || (on?.startsWith('runtime') && isBelow(Number(on.slice('runtime'.length)))))
  .map(({ name }) => name)
  .toSorted();

/** Each with a package of its own, for the patch. */
async function bakeAll(site: Site): Promise<void> {
  const client = await site.client();
  for (const { name, on } of services) {
    const folder = join(dirname(site.folder), name);
    await mkdir(join(folder, 'lodash'), { recursive: true });
    await writeFile(join(folder, 'lodash/package.json'), '{ "name": "lodash", "version": "4.17.20" }\n');
    await writeFile(join(folder, 'name.txt'), `${name}\n`);
    const from = on === null ? 'scratch' : `"channel:${on}.stable"`;
    const files = `[{ path: name.txt, to: /${name}.txt }, { path: lodash/, to: /${name}/node_modules/lodash }]`;
    await writeFile(
      join(folder, 'kiln.yaml'),
      `service: ${name}\nimage: { from: ${from}, files: ${files}, entrypoint: [/app] }\n`,
    );
    await client.bake({ folder, channel: 'stable' }).result();
  }
}

async function timed<T>(work: () => T | Promise<T>): Promise<{ readonly ms: number; readonly answer: T }> {
  const begun = performance.now();
  const answer = await work();
  return { ms: performance.now() - begun, answer };
}

async function asked(site: Site): Promise<readonly Figure[]> {
  await bakeAll(site);
  const client = await site.client();
  const runs: Record<'daemon' | 'command' | 'patch' | 'patchCommand', number[]> = {
    daemon: [],
    command: [],
    patch: [],
    patchCommand: [],
  };
  await mkdir(join(site.home.root, 'vulnerabilities'));
  await writeFile(join(site.home.root, 'vulnerabilities/lodash.json'), JSON.stringify(record));
  const first = await timed(() => client.planPatch({ cve: CVE }));
  for (let run = 0; run < RUNS; run++) {
    const { ms, answer } = await timed(() => client.planCascade({ image: 'base.stable' }));
    const names = answer.steps.map(({ service }) => service).toSorted();
    if (JSON.stringify(names) !== JSON.stringify(expected)) throw new Error(`another set than expected: ${names.join(' ')}`);
    runs.daemon.push(ms);
    runs.command.push((await site.kiln('cascade', 'base.stable', '--plan')).ms);
    const patch = await timed(() => client.planPatch({ cve: CVE }));
    if (patch.answer.steps.length !== IMAGES) throw new Error(`a patch of ${patch.answer.steps.length} images`);
    runs.patch.push(patch.ms);
    runs.patchCommand.push((await site.kiln('patch', CVE, '--plan')).ms);
  }
  return [
    { what: `cascade over ${expected.length} of ${IMAGES}: daemon`, unit: 'ms', runs: runs.daemon },
    { what: 'cascade: kiln cascade --plan', unit: 'ms', runs: runs.command },
    { what: `patch of ${IMAGES} images: daemon, first`, unit: 'ms', runs: [first.ms] },
    { what: `patch of ${IMAGES} images: daemon, again`, unit: 'ms', runs: runs.patch },
    { what: 'patch: kiln patch --plan', unit: 'ms', runs: runs.patchCommand },
  ];
}

const record = {
  id: CVE,
  modified: new Date().toISOString(),
  affected: [
    {
      package: { ecosystem: 'npm', name: 'lodash' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.21' }] }],
    },
  ],
};

const MANY = 10_000;
const digestOf = (name: string): Digest => `sha256:${createHash('sha256').update(name).digest('hex')}` as Digest;

/** 100 bases, each with 99 services on two levels. */
async function inMemory(): Promise<readonly Figure[]> {
  const events = Array.from({ length: MANY }, (_, index): LineageEvent => {
    const [base, within] = [Math.floor(index / 100), index % 100];
    const on = within === 0 ? [] : [within < 10 ? `${base} 0` : `${base} ${1 + (within % 9)}`];
    return {
      kind: 'bake.done',
      service: `s${index}` as ServiceName,
      folder: `/srv/${index}`,
      digest: digestOf(`${base} ${within}`),
      builtOn: on.map((name) => ({ name: 'channel:x.y', digest: digestOf(name) })),
    };
  });
  const fold = await timed(() => replayLineage(events.map((event, at) => ({ event, seq: at + 1, at }))));
  const state = fold.answer;
  const parents = new Map([...state.builtOn].map(([image, bases]) => [image, bases.map(({ digest }) => digest)]));
  const plans: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const { ms, answer } = await timed(() =>
      planCascade(
        state,
        parents,
        Array.from({ length: 100 }, (_, base) => digestOf(`${base} 0`)),
      ),
    );
    if (answer.length !== MANY - 100) throw new Error(`${answer.length} steps`);
    plans.push(ms);
  }
  return [
    { what: `${MANY} bakes folded, as at a start`, unit: 'ms', runs: [fold.ms] },
    { what: `cascade over ${MANY - 100} of ${MANY} in memory`, unit: 'ms', runs: plans },
  ];
}

const site = await openSite('site', 18_481);
try {
  print([...(await asked(site)), ...(await inMemory())]);
} finally {
  await site.close();
}
