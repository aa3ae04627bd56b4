/**
 * A bake, whole: recipe → image → gates → evidence → tags. Only an image that passed every gate gets a name;
 * one that failed stays in the store without any, to be looked at until gc takes it.
 */
import { join } from 'node:path';

import type { BakeEventBody, BakeResultBody } from '../api/schema.ts';
import type { BakeDeps, BakeResult } from '../bake/contract.ts';
import { shortDigest, type Digest } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import { whyRevoked } from '../domain/revocation.ts';
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import type { ServiceName } from '../domain/ids.ts';
import type { WaiverLine } from '../domain/waiver.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import type { Made } from '../evidence/attach.ts';
import type { Gate, GateEvent, GateSubject } from '../gates/contract.ts';
import { lintGate } from '../gates/lint/gate.ts';
import { secretsGate } from '../gates/secrets/gate.ts';
import { runGates, type GatesResult } from '../gates/run.ts';
import { policyOf, type MoveRequest } from '../lineage/channels.ts';
import type { BuiltOn } from '../lineage/events.ts';
import type { Image } from '../oci/store.ts';
import { testGate } from '../gates/test/gate.ts';
import { sbomGate } from '../sbom/gate.ts';
import { gatePolicyOf } from '../spec/gates.ts';
import { imageTestsOf, trialContent } from '../spec/image-tests.ts';
import type { Spec } from '../spec/parse.ts';
import { requireSources } from '../spec/recipe-sources.ts';
import { recipeOf } from '../spec/recipe.ts';
import { loadWaivers } from '../spec/waivers.ts';
import { vulnerabilitiesGate } from '../vulnerabilities/gate.ts';
import type { Reproduction } from '../reproduce/contract.ts';
import { baselineOf } from './baseline.ts';
import { bakeLineage, inheritRevocation, recordPolicies, requireStartable } from './bake-lineage.ts';
import { moveChannel } from './channel-verbs.ts';
import { attachBakeEvidence } from './bake-evidence.ts';
import { keepReports, reportBody } from './keep-reports.ts';
import type { Parts } from './parts.ts';
import { vulnerabilityFolder } from './vulnerability-verbs.ts';
import { withSharedSteps } from './shared-steps.ts';

export interface BakeRequest {
  readonly spec: Spec;
  readonly folder: string;
  readonly version: string | null;
  readonly update: boolean;
  /** Names of the Debian packages that the update is about. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** A registry's tag under which steps are shared. */
  readonly cache?: string;
  /** The channel that is to hold the image once it has passed. */
  readonly channel: Pick<MoveRequest, 'channel' | 'how' | 'by' | 'why'> | null;
  /** Whose image it is compared with, where another verb moves the channels afterwards. Default: `channel`. */
  readonly against?: string | null;
  readonly signal: AbortSignal;
  readonly emit: (event: BakeEventBody) => Promise<void>;
}

/** `tags` are those that it has: none where a gate failed. */
export type BakeOutcome = BakeResult & GatesResult & { readonly evidence: Made };

/** In the order of GATE_NAMES. */
const gatesOf = ({ home, trials, clock }: Parts): readonly Gate[] => [
  lintGate,
  secretsGate,
  sbomGate,
  vulnerabilitiesGate(vulnerabilityFolder(home)),
  testGate(trials, clock),
];

/**
 * Journaled before it is done (law 9). A caller who goes away cancels it; what was cached is kept. A failed gate is an
 * outcome, not an error: whoever goes on with the image has to look at the verdict.
 */
export async function bakeSpec(parts: Parts, request: BakeRequest): Promise<BakeOutcome> {
  const { spec, folder, version, update, channel, signal } = request;
  const { journal, clock } = parts;
  const startedAt = clock.now();
  const recipe = recipeOf(spec, folder);
  await requireSources(folder, spec.service);
  const waivers = await loadWaivers(folder);
  const service = spec.service as ServiceName;
  const builtOn: BuiltOn[] = [];
  recordPolicies(parts, spec);
  if (channel !== null) requireFirst(parts, service, channel.channel);
  const [started] = journal.append([
    { fleet: null, kind: 'bake.started', data: { service: spec.service, folder, version, update } },
  ]);
  const ref = { service: spec.service, started: started?.seq ?? 0 };
  const noteAll = (notes: readonly Note[]): void => {
    if (notes.length > 0) journal.append(notes.map(({ kind, data }) => ({ fleet: null, kind, data: { ...ref, ...data } })));
  };
  const note = (kind: string, data: Note['data']): void => noteAll([{ kind, data }]);
  try {
    const baked = await bakeImage(parts, request, recipe, builtOn);
    const { digest, changed, ms } = baked;
    await inheritRevocation(parts, digest, builtOn);
    requireStartable(parts, digest);
    const judged = await judge(parts, request, { recipe, waivers, digest, noteAll });
    const evidence = await attachBakeEvidence(parts, { spec, folder, digest, ...judged, started: ref.started, startedAt });
    if (evidence.attached.length > 0) note('evidence.attached', { digest, ...evidence });
    const tags = judged.verdict === 'pass' ? baked.tags : [];
    if (judged.verdict === 'fail') note('bake.failed', { digest, why: failedGates(judged) });
    else note('bake.done', { digest, tags, changed, ms, folder, builtOn: builtOn.map(({ name, digest }) => ({ name, digest })) });
    for (const tag of tags) await parts.images.tag(digest, tag);
    if (channel !== null && judged.verdict === 'pass') {
      moveChannel(parts, { ...channel, service, image: digest, breakGlass: false });
    }
    return { ...baked, ...judged, evidence, tags };
  } catch (error) {
    const failure = signal.aborted ? cancelled(error) : error;
    note('bake.failed', { why: messageOf(failure) });
    throw failure;
  }
}

async function bakeImage(
  parts: Parts,
  request: BakeRequest,
  recipe: Recipe | DockerfileRecipe,
  builtOn: BuiltOn[],
): Promise<BakeResult> {
  const { spec, version, update, only, signal, emit } = request;
  const deps = await bakeDeps(parts, request, builtOn);
  return withSharedSteps(parts, { cache: request.cache ?? null, signal, tell: (event) => void emit(event) }, (shared) =>
    parts.bake(
      recipe,
      { ...deps, ...shared },
      {
        service: spec.service,
        version,
        update,
        ...(only === undefined ? {} : { only }),
      },
    ),
  );
}

/** `builtOn` grows with what the bake builds on. */
export async function bakeDeps(
  parts: Parts,
  { signal, emit }: Pick<BakeRequest, 'signal' | 'emit'>,
  builtOn: BuiltOn[],
): Promise<BakeDeps> {
  const { images: store, home, layers, clock } = parts;
  const onEvent = (event: BakeEventBody): void => void emit(event);
  const registry = await parts.registries.options(signal);
  return { store, home, layers, clock, lineage: bakeLineage(parts, builtOn), signal, onEvent, registry };
}

/** Before the bake, which may take minutes: an image that is yet to be made was in no channel before. */
function requireFirst({ lineage }: Parts, service: ServiceName, channel: string): void {
  const after = policyOf(lineage.state, service, channel)?.after ?? null;
  if (after === null) return;
  throw new KilnError('CHANNEL_REFUSED', `${service}.${channel} takes only what was in ${after} before`, {
    hint: `bake with --channel ${after}; then \`kiln channel set\` promotes it`,
  });
}

interface Baked {
  readonly recipe: Recipe | DockerfileRecipe;
  readonly waivers: readonly WaiverLine[];
  readonly digest: Digest;
  readonly noteAll: (notes: readonly Note[]) => void;
}

interface Note {
  readonly kind: string;
  readonly data: { readonly [key: string]: Json };
}

async function judge(
  parts: Parts,
  { spec, folder, signal, emit, channel, against = channel?.channel ?? null }: BakeRequest,
  { recipe, waivers, digest, noteAll }: Baked,
): Promise<GatesResult> {
  const { images: store, home, clock } = parts;
  const image = await store.image(digest);
  const subject: GateSubject = {
    service: spec.service,
    recipe,
    image,
    store,
    probe: probeOf(spec, image),
    runUser: spec.run.user ?? null,
    tests: imageTestsOf(spec),
    launch: () => {
      requireNotRevoked(parts, digest);
      return trialContent(spec, digest, image.config.config);
    },
    baseline: await baselineOf(parts, { service: spec.service as ServiceName, channel: against, digest }),
    policy: gatePolicyOf(spec, folder),
    waivers,
    now: clock.now(),
    signal,
    cacheFolder: join(home.bake, 'gates'),
  };
  // Together: each entry of its own would be another wait for the disk.
  const notes: Note[] = [];
  const onEvent = (event: GateEvent): void => {
    const { kind, ...data } = event;
    if (kind === 'gate.done') notes.push({ kind, data: { digest, ...data } });
    void emit(event);
  };
  const judged = await runGates(gatesOf(parts), subject, { clock, onEvent }).finally(() => noteAll(notes));
  await keepReports(parts, subject, judged);
  return judged;
}

/** Law 1: not even to be tested. */
function requireNotRevoked({ lineage }: Parts, image: Digest): void {
  const revocation = lineage.revoked(image);
  if (revocation === null) return;
  throw new KilnError('IMAGE_REVOKED', `image ${shortDigest(image)} was ${whyRevoked(revocation)}`, {
    hint: 'change what it was revoked for, and bake again',
  });
}

/** By run.health, else the port: without either nobody asks. */
function probeOf({ run: { port, health } }: Spec, { config }: Image): GateSubject['probe'] {
  if (health.http !== undefined) return 'http';
  if (health.command !== undefined) return 'command';
  return port === undefined && Object.keys(config.config.ExposedPorts ?? {}).length === 0 ? 'none' : 'tcp';
}

export const failedGates = ({ reports }: GatesResult): string =>
  reports
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ gate, why }) => `${gate}: ${why}`)
    .join('; ');

export const bakeBody = (outcome: BakeOutcome, reproduction: Reproduction | null): BakeResultBody => ({
  ...outcome,
  reports: outcome.reports.map(reportBody),
  reproduction,
});

/** For who can go on only with an image that passed. Throws GATE_FAILED. */
export function requirePassed(outcome: BakeOutcome): void {
  if (outcome.verdict === 'pass') return;
  throw new KilnError('GATE_FAILED', `image ${outcome.digest} was baked and not published: ${failedGates(outcome)}`, {
    hint: '`kiln bake` shows each finding with its fix; one that is to be accepted needs a line in kiln.waivers.yaml',
  });
}

const cancelled = (cause: unknown): KilnError =>
  new KilnError('INTERRUPTED', 'the bake was cancelled: its caller went away', {
    hint: 'bake again: it resumes after the last step that was done',
    cause,
  });
