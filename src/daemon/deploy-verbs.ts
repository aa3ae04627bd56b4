/** The verbs that make a release: kiln.yaml, a bake where it has to be, the digest, and the release's content. */
import type { ConfigurationChangeBody } from '../api/configuration-bodies.ts';
import type { AnswerOf, Handlers, ParsedOf } from '../api/schema.ts';
import type { Resolution } from '../config/configuration.ts';
import type { Digest } from '../domain/digest.ts';
import { fleetId, type FleetId, type ServiceName } from '../domain/ids.ts';
import type { BrokenGlass } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import type { DeployRequest } from '../execute/fleets.ts';
import type { Image } from '../oci/store.ts';
import { environmentOf, withStrategy, type ResolvedEnvironment } from '../spec/environment.ts';
import { loadSpec } from '../spec/load.ts';
import type { Spec } from '../spec/parse.ts';
import { releaseContent } from '../spec/release.ts';
import { upkeepOf } from '../spec/upkeep.ts';
import { admissionChecks, requireAdmitted, type Candidate } from './admission.ts';
import { bakeBody, bakeSpec, requirePassed, type BakeOutcome } from './bake-pipeline.ts';
import { changesTo, resolveReferences } from './configuration.ts';
import { soundImage } from './damaged.ts';
import { recordPolicies } from './bake-lineage.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';
import { describePlan } from './plan-text.ts';
import { releaseBody } from './status.ts';
import { requireExplained } from './unexplained.ts';

type DeployVerbs = Pick<Handlers, 'deploy' | 'planDeploy'>;
type Context = Parameters<Handlers['deploy']>[1];

export interface Prepared {
  readonly request: DeployRequest;
  readonly candidate: Candidate;
  readonly resolution: Resolution;
  readonly configuration: readonly ConfigurationChangeBody[];
  readonly bake: BakeOutcome | null;
}

const REVISION = 'org.opencontainers.image.revision';

export function deployVerbs(parts: Parts): DeployVerbs {
  return {
    deploy: (input, ctx) => parts.gate.shared(() => deploy(parts, input, ctx)),
    /** Bakes too: a bake changes nothing that runs, and without the image there is no release to plan for. */
    async planDeploy(input, ctx) {
      return plannedDeploy(parts, await prepare(parts, input, ctx));
    },
  };
}

export async function plannedDeploy(parts: Parts, prepared: Prepared): Promise<AnswerOf<'planDeploy'>> {
  const { request, candidate, configuration } = prepared;
  const admission = await admissionChecks(parts, candidate);
  const { fleet, image } = request.content;
  if (parts.lineage.revoked(image) !== null) return { fleet, image, changes: false, admission, configuration, steps: [] };
  const { events, plan } = await parts.fleets.previewDeploy(request);
  return { fleet, image, changes: events.length > 0, admission, configuration, steps: describePlan(events, plan) };
}

async function deploy(parts: Parts, input: ParsedOf<'deploy'>, ctx: Context): Promise<AnswerOf<'deploy'>> {
  const { request, bake, candidate, resolution, configuration } = await prepare(parts, input, ctx);
  const brokenGlass = await admit(parts, input, request.content.fleet, candidate);
  // Durable before the release is: no release is ever without what it is launched with (law 8).
  await parts.configuration.seal(resolution);
  const { release, created } = parts.fleets.deploy(brokenGlass === null ? request : { ...request, brokenGlass });
  const { fleet, routing } = release.content;
  return {
    fleet,
    release: releaseBody(release),
    created,
    listen: routing.listen,
    configuration,
    bake: bake === null ? null : bakeBody(bake, null),
  };
}

/** Both ways it goes into the history, before anything is done (law 9). Null: nothing had to be overruled. */
export async function admit(
  parts: Parts,
  { breakGlass, by }: Pick<ParsedOf<'deploy'>, 'breakGlass' | 'by'>,
  fleet: FleetId,
  candidate: Candidate,
): Promise<BrokenGlass | null> {
  const checks = await admissionChecks(parts, candidate);
  const { digest: image } = candidate;
  try {
    const glass = requireAdmitted(checks, candidate, { reason: breakGlass ?? null, by });
    if (glass !== null) parts.journal.append([{ fleet, kind: 'glass.broken', data: { image, ...glass } }]);
    return glass;
  } catch (error) {
    const refused = checks.filter(({ met }) => !met).map(({ demand, why }) => ({ demand, why }));
    parts.journal.append([{ fleet, kind: 'admission.refused', data: { image, by, refused } }]);
    throw error;
  }
}

export async function prepare(parts: Parts, input: ParsedOf<'deploy'>, { signal, emit }: Context): Promise<Prepared> {
  const spec = await loadSpec(input.folder, input.service);
  const named = environmentOf(spec, input.environment ?? null);
  const environment = input.strategy === undefined ? named : withStrategy(named, input.strategy);
  if (environment.engine !== parts.engine.name) throw wrongEngine(environment.engine, parts);
  await requireMachine(parts, signal);
  const fleet = fleetId(spec.service as ServiceName, environment.name);
  await requireExplained(parts, fleet, { signal });
  await requireListen(parts, fleet, environment, signal);
  const resolution = await resolveReferences(parts, fleet, environment, input, signal);
  recordPolicies(parts, spec);
  const { folder } = input;
  const reference = input.image ?? channelOf(spec, environment);
  const request = { spec, folder, version: null, update: false, channel: null, signal, emit };
  const bake = reference === null ? await bakeSpec(parts, request) : null;
  if (bake !== null) requirePassed(bake);
  const digest = bake?.digest ?? (await resolveImage(parts, reference ?? ''));
  const image = await soundImage(parts.images, digest);
  signal.throwIfAborted();
  const content = releaseContent(spec, environment, digest, image.config.config, resolution.pinOf);
  const label = await labelOf(parts, digest, image);
  const { min, desired, max } = environment.instances;
  return {
    request: { content, label, size: desired, bounds: { min, max }, upkeep: upkeepOf(environment), by: input.by },
    candidate: { digest, environment, folder },
    resolution,
    configuration: changesTo(parts, content),
    bake,
  };
}

/** An environment with a channel takes what that holds: nothing is baked for it. */
const channelOf = ({ service }: Spec, { channel }: ResolvedEnvironment): string | null =>
  channel === null ? null : `${service}.${channel}`;

/** All that is missing at once, so that it is mended at once. */
async function requireMachine({ engine }: Parts, signal: AbortSignal): Promise<void> {
  const problems = (await engine.check({ signal })).filter(({ fatal }) => fatal);
  const [first] = problems;
  if (first === undefined) return;
  throw new KilnError(first.code ?? 'REQUIREMENT_MISSING', problems.map(({ what }) => what).join('; '), {
    hint: problems.map(({ hint }) => hint).join('; '),
  });
}

/** Before the bake, which may take minutes: without its address the release could never serve. */
async function requireListen(
  { balancer }: Parts,
  fleet: FleetId,
  { listen, preview }: ResolvedEnvironment,
  signal: AbortSignal,
): Promise<void> {
  const addresses = [listen, preview].filter((address) => address !== null);
  await balancer.requireListen(fleet, addresses, { signal });
}

/** For people: `web:1.2.0 (git 9e2d7c1)`. */
export async function labelOf({ images }: Parts, digest: Digest, image: Image): Promise<string> {
  const tags = (await images.list()).find((each) => each.digest === digest)?.tags ?? [];
  const revision = image.annotations[REVISION]?.slice(0, 7);
  return [tags[0] ?? '', revision === undefined ? '' : `(git ${revision})`].filter((part) => part !== '').join(' ');
}

const wrongEngine = (wanted: string, { engine }: Parts): KilnError =>
  new KilnError('USAGE', `the environment asks for the engine "${wanted}", and this daemon runs "${engine.name}"`, {
    hint: `set engine: ${engine.name} in kiln.yaml, or choose another environment with --env`,
  });
