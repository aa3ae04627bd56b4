/**
 * Gates against seeded sets: secrets of every kind, found of how many, and false alarms and speed on real images.
 *   node bench/gates.ts [LAYOUT…]        folders of OCI layouts whose images hold no secret (a home's `images`)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Finding, GateSubject } from '../src/gates/contract.ts';
import { lintGate } from '../src/gates/lint/gate.ts';
import { secretsGate } from '../src/gates/secrets/gate.ts';
import { layered, type LayeredImage } from '../src/gates/testing/layered.ts';
import { contentOf, seeds } from '../src/gates/testing/seeds.ts';
import { subjectOf } from '../src/gates/testing/subject.ts';
import { openImageStore } from '../src/oci/layout.ts';

const SETS = 10;

const blocking = async (image: LayeredImage): Promise<readonly Finding[]> => {
  await using made = await layered(image);
  return (await secretsGate.run(made.subject, [])).findings.filter(({ blocks }) => blocks);
};

/** Each secret in a file that an upper layer deletes, and those with a form of their own in the environment. */
async function seeded(): Promise<void> {
  const missed: string[] = [];
  let planted = 0;
  for (let set = 0; set < SETS; set++) {
    for (const seed of seeds(`bench ${set}`)) {
      const { kind, path } = seed;
      planted += 1;
      const whiteout = path.replace(/([^/]+)$/, '.wh.$1');
      const found = await blocking({ layers: [[{ path, content: contentOf(seed) }], [{ path: whiteout }]] });
      if (found.length === 0) missed.push(kind);
    }
  }
  console.log(
    `secrets in deleted files: ${planted - missed.length} of ${planted} found${missed.length === 0 ? '' : `; missed: ${missed.join(', ')}`}`,
  );
}

interface Looked {
  readonly findings: readonly Finding[];
  readonly ms: number;
}

async function timed(gate: typeof secretsGate, subject: GateSubject): Promise<Looked> {
  const begun = performance.now();
  const { findings } = await gate.run(subject, []);
  return { findings, ms: performance.now() - begun };
}

async function real(layout: string): Promise<void> {
  const store = await openImageStore(layout);
  const cacheFolder = await mkdtemp(join(tmpdir(), 'kiln-bench-gates-'));
  try {
    for (const { digest, tags } of await store.list()) {
      const image = await store.image(digest);
      if (image.layers.length === 0) continue;
      const subject = subjectOf({ image, store, cacheFolder });
      const [lint, secrets] = [await timed(lintGate, subject), await timed(secretsGate, subject)];
      const again = await timed(secretsGate, subject);
      const alarms = secrets.findings.filter(({ blocks }) => blocks);
      console.log(
        `${tags[0] ?? digest.slice(0, 19)}: ${(image.size / 1e6).toFixed(1)} MB stored, ${image.layers.length} layers; lint ${lint.ms.toFixed(0)} ms, secrets ${secrets.ms.toFixed(0)} ms, again ${again.ms.toFixed(1)} ms; ${alarms.length} alarms, ${secrets.findings.length - alarms.length} notes`,
      );
      for (const { rule, where, what } of alarms) console.log(`  ${rule} ${where.path ?? what}`);
      for (const { rule, what } of lint.findings.filter(({ blocks }) => blocks)) console.log(`  lint ${rule}: ${what}`);
    }
  } finally {
    await rm(cacheFolder, { recursive: true });
  }
}

await seeded();
for (const layout of process.argv.slice(2)) await real(layout);
