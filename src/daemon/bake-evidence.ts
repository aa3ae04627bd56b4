/** The evidence of a bake: what the gates made for it, their verdicts, and where the image comes from; attached before any tag. */
import { hostname } from 'node:os';

import { readRemote } from '../bake/git.ts';
import { lockPath, parseLock } from '../bake/lock.ts';
import { isDigest, type Digest } from '../domain/digest.ts';
import { SEVERITIES } from '../domain/gate.ts';
import type { Json } from '../domain/json.ts';
import { attachEvidence, type Made } from '../evidence/attach.ts';
import { GATES_TYPE } from '../evidence/kinds.ts';
import { provenanceOf, type BakeFacts } from '../evidence/provenance.ts';
import type { Predicate } from '../evidence/statement.ts';
import type { GateReport } from '../gates/contract.ts';
import type { Image } from '../oci/store.ts';
import { readIfThere } from '../platform/files.ts';
import { version } from '../platform/version.ts';
import type { Spec } from '../spec/parse.ts';
import type { Parts } from './parts.ts';

export interface JudgedBake {
  readonly spec: Spec;
  readonly folder: string;
  readonly digest: Digest;
  readonly reports: readonly GateReport[];
  /** The seq of the entry that started it. */
  readonly started: number;
  readonly startedAt: number;
}

/** Written by the bake (OCI image specification, annotations.md). */
const REVISION = 'org.opencontainers.image.revision';
const BASE_NAME = 'org.opencontainers.image.base.name';
const BASE_DIGEST = 'org.opencontainers.image.base.digest';
const DIRTY = '-dirty';

/**
 * Also of an image that failed a gate: the newest verdict is the one that counts. What was said before is not said again.
 * Throws where a key is set that can't be used: nothing goes unsigned by mistake.
 */
export async function attachBakeEvidence(parts: Parts, bake: JudgedBake): Promise<Made> {
  const { images: store, clock } = parts;
  const { digest: image, spec, reports } = bake;
  const now = clock.now();
  const made = reports.flatMap(({ predicates }) => predicates);
  const predicates = [provenanceOf(await factsOf(parts, bake, now)), ...made, verdictsOf(reports, now)];
  return attachEvidence(predicates, { store, image, name: spec.service, signer: await parts.signer(), now });
}

async function factsOf({ images, home }: Parts, bake: JudgedBake, now: number): Promise<BakeFacts> {
  const { spec, folder, digest, started, startedAt } = bake;
  const image = await images.image(digest);
  const path = lockPath(folder, spec.lock);
  const text = await readIfThere(path);
  const lock = text === null ? { bases: {}, packages: {} } : parseLock(text, path);
  return {
    builder: `https://kiln.dev/builder/${encodeURIComponent(hostname())}`,
    version: version(),
    service: spec.service,
    recipe: JSON.parse(JSON.stringify(spec.image)) as Json,
    source: await sourceOf(image, folder),
    bases: basesOf(image, lock.bases),
    packages: Object.entries(lock.packages).map(([set, packages]) => ({ set, packages })),
    invocation: `${home.id}-${started}`,
    startedAt,
    finishedAt: now,
  };
}

/** The commit that is in the image itself: what git says now may be another already. */
async function sourceOf({ annotations }: Image, folder: string): Promise<BakeFacts['source']> {
  const revision = annotations[REVISION];
  if (revision === undefined) return null;
  const clean = !revision.endsWith(DIRTY);
  return { remote: await readRemote(folder), commit: clean ? revision : revision.slice(0, -DIRTY.length), clean };
}

/** Those that kiln.lock pins, and the image's own where it is one of this store. */
function basesOf({ annotations }: Image, locked: Readonly<Record<string, Digest>>): BakeFacts['bases'] {
  const [name, digest] = [annotations[BASE_NAME], annotations[BASE_DIGEST]];
  const bases = Object.entries(locked).map(([reference, pinned]) => ({ name: reference, digest: pinned }));
  if (name === undefined || digest === undefined || !isDigest(digest)) return bases;
  return bases.some((base) => base.digest === digest) ? bases : [...bases, { name, digest }];
}

/** Findings are told in the gates' own predicates; here is what was decided. */
function verdictsOf(reports: readonly GateReport[], now: number): Predicate {
  const gates = reports.map(({ gate, verdict, why, findings }) => ({
    gate,
    verdict,
    why,
    findings: Object.fromEntries(
      SEVERITIES.map((severity) => [severity, findings.filter((each) => each.severity === severity).length]),
    ),
    waived: findings.flatMap(({ fingerprint, waiver }) => (waiver === null ? [] : [{ fingerprint, ...waiver }])),
  }));
  return { type: GATES_TYPE, content: { timestamp: new Date(now).toISOString(), gates } };
}
