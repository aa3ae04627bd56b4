/** One schema for each input, event and answer of the API. Types of the server and of the client are inferred from here. */
import * as z from 'zod';

import {
  Address,
  AdmissionCheck,
  BakeEvent,
  BakeResult,
  Entry,
  Evidence,
  EvidenceDocument,
  FleetStatus,
  GateReport,
  GcPlan,
  Health,
  Image,
  Inventory,
  LogLine,
  Problem,
  PublicKey,
  Pulled,
  Pushed,
  Release,
  Reproduction,
  ServeEvent,
  StoredImage,
  TransferEvent,
  VulnerabilityReport,
} from './bodies.ts';
import { ChaosBegun, ChaosPlan } from './chaos-bodies.ts';
import { Diff } from './diff-bodies.ts';
import { by, count, cve, flag, folder, host, name, nothing, reason, reference } from './inputs.ts';
import { Changes, References } from './configuration-bodies.ts';
import {
  Base,
  CascadeEvent,
  CascadeStep,
  Channel,
  ChannelHistory,
  LineageBody,
  Revoking,
  StepResult,
  Trashed,
} from './lineage-bodies.ts';
import { PatchPlan, PatchStatus } from './patch-bodies.ts';
import { digest, fleet, json, list, release, time } from './parts.ts';
import { Receiver, TestedReceiver } from './notification-bodies.ts';
import { Waves } from './waves-bodies.ts';
import type { JsonRoute, RouteName, StreamRoute } from './routes.ts';

const Chaos = z.strictObject({
  service: z.string().min(1).max(300),
  by,
  /** How many are killed; not heeded where a share or an instance is given. */
  count: z.int().positive().max(10_000).default(1),
  /** Of those that are healthy and serve, rounded down, at least one. */
  percent: z.number().positive().max(100).optional(),
  /** This one: its id, or `r7.k3f9x2`. */
  instance: name.optional(),
  /** Decides which; drawn and answered where it is absent. */
  seed: z.int().nonnegative().optional(),
  /** Whatever speaks against it. */
  force: z.boolean().default(false),
});

const breakGlass = z.string().trim().min(3).max(500).optional();
/** Of a kiln.yaml that has several. */
const ofSeveral = name.optional();
const Deploy = z.strictObject({
  folder,
  service: ofSeveral,
  environment: name.optional(),
  /** A digest, prefix or tag; absent: the folder's recipe is baked first. */
  image: name.optional(),
  strategy: z.enum(['rolling', 'blue-green', 'canary', 'recreate']).optional(),
  /** Why what the environment demands of images is overruled this time; not a revocation. */
  breakGlass,
  /** The caller's variables that references name (`env://NAME`): nobody but the caller has them. */
  variables: z.record(z.string().max(300), z.string()).optional(),
  by,
});

const DeployAll = Deploy.omit({ service: true, image: true, strategy: true });
const DeployPlan = z.object({
  fleet,
  image: digest,
  changes: z.boolean(),
  admission: list(AdmissionCheck),
  configuration: Changes,
  steps: list(z.string()),
});

/** `service` is a service where only one environment runs it, else `service.environment`. */
const LONGEST_MS = 365 * 86_400_000;
const ofFleet = z.strictObject({ service: name });
const toFleet = ofFleet.extend({ by });
/** A point of no return on the way is overruled. */
const pastNoReturn = z.boolean().default(false);

/** Over retention.yaml. */
const Retention = z.strictObject({
  keep: count.optional(),
  youngMs: count.optional(),
  launchedMs: count.optional(),
  trashMs: count.optional(),
});

interface Schemas {
  readonly input: z.ZodObject;
  readonly answer: z.ZodType;
}

export const SCHEMAS = {
  health: { input: nothing, answer: Health },
  openapi: { input: nothing, answer: z.record(z.string(), json) },
  doctor: {
    input: nothing,
    answer: z.object({ problems: list(Problem), met: list(z.object({ name: z.string(), fix: z.string() })) }),
  },
  metrics: { input: nothing, answer: z.string() },
  shutdown: { input: z.strictObject({ stop: z.boolean().default(false), by }), answer: z.object({ stopped: list(fleet) }) },
  start: { input: z.strictObject({ by }), answer: z.object({ started: list(fleet), problems: list(Problem) }) },

  bake: {
    input: z.strictObject({
      folder,
      service: ofSeveral,
      tag: name.optional(),
      update: z.boolean().default(false),
      /** `REGISTRY/PATH:TAG` under which steps are shared. */
      cache: reference.optional(),
      channel: name.optional(),
      by,
      verify: z.boolean().default(false),
    }),
    event: BakeEvent,
    answer: BakeResult,
  },
  images: { input: nothing, answer: z.object({ images: list(StoredImage) }) },
  image: { input: z.strictObject({ reference: name }), answer: Image },
  packages: { input: z.strictObject({ reference: name }), answer: Inventory },
  sbom: {
    input: z.strictObject({ reference: name, format: z.enum(['cyclonedx', 'spdx']).default('cyclonedx') }),
    answer: z.record(z.string(), json),
  },
  vulnerabilities: { input: z.strictObject({ reference: name, folder: folder.optional() }), answer: VulnerabilityReport },
  diff: {
    input: z.strictObject({
      /** An image (digest, first digits, tag, channel) or a release (`web.r7`, `web.local.r7`). */
      first: name,
      /** The same; `r8` where the first is a release: of the same fleet. */
      second: name,
      /** Whether what lies in folders of one image only is listed, too. */
      all: flag.default(false),
      /** Whether changed lines of texts are told. */
      texts: flag.default(false),
      /** How many files are listed, at most 20,000. */
      limit: count.default(2000),
      /** Of a kiln.yaml whose sources of vulnerabilities count. */
      folder: folder.optional(),
    }),
    answer: Diff,
  },
  tagImage: { input: z.strictObject({ reference: name, tag: name }), answer: StoredImage },
  push: { input: z.strictObject({ image: name, reference: reference.optional(), by }), event: TransferEvent, answer: Pushed },
  pull: {
    input: z.strictObject({
      reference,
      /** What the image is called here; absent: as in the registry. */
      tag: name.optional(),
      /** `linux/arm64`; absent: that of this machine. */
      platform: z.string().max(80).optional(),
      by,
    }),
    event: TransferEvent,
    answer: Pulled,
  },
  login: {
    input: z.strictObject({ registry: host, username: z.string().max(1000), password: z.string().max(100_000), by }),
    /** `kept`: the file, or the credential helper. */
    answer: z.object({ registry: z.string(), username: z.string(), kept: z.string() }),
  },
  logout: { input: z.strictObject({ registry: host, by }), answer: z.object({ registry: z.string(), known: z.boolean() }) },
  serve: {
    input: z.strictObject({
      /** `HOST:PORT`. */
      listen: z.string().min(1).max(300),
      /** Paths of PEM files; absent: without TLS. */
      tls: z.strictObject({ cert: folder, key: folder }).optional(),
    }),
    event: ServeEvent,
    answer: nothing,
  },
  planGc: { input: Retention, answer: GcPlan },
  gc: { input: Retention, answer: GcPlan },
  trash: { input: nothing, answer: z.object({ images: list(Trashed) }) },
  restore: {
    input: z.strictObject({ /** A digest, its first digits, or a tag that it had; absent: all. */ image: name.optional(), by }),
    answer: z.object({ restored: list(z.object({ image: digest, tags: list(z.string()) })) }),
  },
  evidence: { input: z.strictObject({ reference: name }), answer: z.object({ digest, evidence: list(Evidence) }) },
  evidenceDocuments: {
    input: z.strictObject({
      reference: name,
      /** A kind (`sbom`), or a predicate type; absent: all. */
      type: z.string().max(1024).optional(),
    }),
    answer: z.object({ digest, documents: list(EvidenceDocument) }),
  },
  verifyEvidence: {
    input: z.strictObject({
      /** An image of the store, or `oci:PATH`: of a layout on disk. */
      reference: z.string().min(1).max(4400),
      keys: z
        .array(z.strictObject({ name: z.string().max(4096), pem: z.string().max(32_768) }))
        .min(1)
        .max(16),
    }),
    answer: z.object({ digest, trusted: z.boolean(), evidence: list(Evidence) }),
  },
  signingKey: { input: nothing, answer: z.object({ key: PublicKey.nullable() }) },

  channels: { input: nothing, answer: z.object({ channels: list(Channel) }) },
  channel: { input: z.strictObject({ channel: name }), answer: Channel },
  channelHistory: { input: z.strictObject({ channel: name }), answer: ChannelHistory },
  setChannel: {
    input: z.strictObject({
      channel: name,
      image: name,
      /** Of an image that does not say which it is of. */
      service: name.optional(),
      reason,
      breakGlass: z.boolean().default(false),
      by,
    }),
    answer: z.object({ channel: Channel, /** False: it held the image already. */ moved: z.boolean() }),
  },
  rollbackChannel: { input: z.strictObject({ channel: name, reason, by }), answer: Channel },
  revoke: {
    input: z.strictObject({
      reference: name,
      cascade: z.boolean().default(false),
      /** Ms since the epoch; absent: now. */
      at: z.number().optional(),
      reason,
      by,
    }),
    answer: Revoking,
  },
  undoRevocation: {
    input: z.strictObject({ reference: name, reason: z.string().min(1).max(1000), by }),
    answer: z.object({ undone: list(digest) }),
  },
  bases: {
    input: z.strictObject({ check: flag.default(false) }),
    answer: z.object({
      bases: list(Base),
      /** Who did not answer when they were asked last. */
      unanswered: list(z.string()),
      /** Null: not since the daemon has started. */
      checkedAt: time.nullable(),
      /** Null: nothing is watched. */
      watch: z.object({ everyMs: z.number(), cascades: z.boolean() }).nullable(),
    }),
  },
  planCascade: { input: z.strictObject({ image: name.optional() }), answer: z.object({ steps: list(CascadeStep) }) },
  cascade: {
    /** Without an image: of every base that has moved. */
    input: z.strictObject({ image: name.optional(), by }),
    event: CascadeEvent,
    answer: z.object({ steps: list(CascadeStep), results: list(StepResult) }),
  },
  lineage: { input: z.strictObject({ reference: name }), answer: LineageBody },
  planPatch: { input: z.strictObject({ cve }), answer: PatchPlan },
  patch: {
    input: z.strictObject({
      cve,
      /** Why policies of channels, demands of environments and freezes are overruled; not a revocation. */
      breakGlass,
      by,
    }),
    /** `id`: null where there is nothing to do. `joined`: it was under way already. */
    answer: z.object({ id: z.int().nullable(), joined: z.boolean(), plan: PatchPlan }),
  },
  patchStatus: { input: z.strictObject({ id: count }), answer: PatchStatus },

  deploy: {
    input: Deploy,
    event: BakeEvent,
    answer: z.object({
      fleet,
      release: Release,
      /** False: nothing has changed, and nothing is done. */
      created: z.boolean(),
      listen: Address.nullable(),
      /** Of what is kept elsewhere. */
      configuration: Changes,
      /** What the bake did; null where an image was given. */
      bake: BakeResult.nullable(),
    }),
  },
  planDeploy: { input: Deploy, event: BakeEvent, answer: DeployPlan },
  /** Of a kiln.yaml with several services. `joined`: the same was under way already. */
  deployWaves: { input: DeployAll, event: BakeEvent, answer: z.object({ joined: z.boolean(), waves: Waves }) },
  planWaves: {
    input: DeployAll,
    event: BakeEvent,
    /** In the order of their waves, counted from 1. */
    answer: z.object({ services: list(DeployPlan.extend({ wave: z.int(), dependsOn: list(fleet) })) }),
  },
  waves: { input: z.strictObject({ id: count }), answer: Waves },
  notifications: { input: nothing, answer: z.object({ receivers: list(Receiver) }) },
  testNotification: {
    /** Absent: every receiver. */
    input: z.strictObject({ receiver: name.optional() }),
    answer: z.object({ receivers: list(TestedReceiver) }),
  },
  fleets: {
    input: nothing,
    /** `waves`: that are under way, or were stopped last. */
    answer: z.object({ fleets: list(FleetStatus), problems: list(Problem), waves: list(Waves) }),
  },
  status: { input: ofFleet, answer: FleetStatus },
  configuration: {
    input: ofFleet,
    /** Of the release that the fleet moves to, or is at; its sources are asked now. */
    answer: z.object({ fleet, release: release.nullable(), references: References }),
  },
  releases: { input: ofFleet, answer: z.object({ fleet, releases: list(Release) }) },
  rollback: {
    input: toFleet.extend({ to: z.int().positive().optional(), pastNoReturn }),
    answer: FleetStatus.extend({
      /** As it was decided, whatever has come of it since. `joined`: that rollout was under way; `unchanged`: the release served. */
      asked: z.object({ outcome: z.enum(['started', 'joined', 'unchanged']), release: release.nullable() }),
    }).meta({ id: 'RollbackAnswer' }),
  },
  scale: {
    input: toFleet.extend({
      /** `auto`: it follows the load again. */
      size: z.union([z.int().nonnegative().max(10_000), z.literal('auto')]),
      /** Of a fleet whose size follows its load: for so long it stays; until it is given back where absent. */
      forMs: z.int().positive().max(LONGEST_MS).optional(),
    }),
    answer: FleetStatus,
  },
  pause: { input: toFleet, answer: FleetStatus },
  resume: { input: toFleet, answer: FleetStatus },
  promote: { input: toFleet.extend({ past: z.enum(['step', 'all']).default('step') }), answer: FleetStatus },
  approve: { input: toFleet, answer: FleetStatus },
  abort: { input: toFleet.extend({ pastNoReturn }), answer: FleetStatus },
  retire: { input: toFleet, answer: FleetStatus },
  planChaos: { input: Chaos, answer: ChaosPlan },
  chaos: { input: Chaos, answer: ChaosBegun },

  logs: {
    input: z.strictObject({ target: name, follow: flag.default(false), lines: count.default(1000) }),
    event: LogLine,
    answer: nothing,
  },
  history: {
    input: z.strictObject({
      service: name.optional(),
      /** Exclusive; 0 or absent with `newest` false: from the beginning. */
      after: count.default(0),
      limit: count.default(1000),
      /** The last `limit` entries rather than the first. */
      newest: flag.default(false),
    }),
    answer: z.object({ entries: list(Entry) }),
  },
  verifyHistory: {
    input: nothing,
    answer: z.object({ entries: z.int(), broken: z.object({ seq: z.int(), why: z.string() }).nullable() }),
  },
  events: {
    input: z.strictObject({ service: name.optional(), after: count.optional() }),
    event: Entry,
    answer: nothing,
  },
} as const satisfies { readonly [N in RouteName]: N extends StreamRoute ? Schemas & { readonly event: z.ZodType } : Schemas };

type All = typeof SCHEMAS;
/** What a caller may leave out is optional here, and filled in by the server. */
export type InputOf<N extends RouteName> = z.input<All[N]['input']>;
/** The same as the handler gets it: validated, defaults filled in. */
export type ParsedOf<N extends RouteName> = z.output<All[N]['input']>;
export type AnswerOf<N extends RouteName> = z.output<All[N]['answer']>;
export type EventOf<N extends StreamRoute> = z.output<All[N]['event']>;

/** What the daemon does for each route. `ctx.signal` fires when the caller goes away. */
export interface HandlerContext {
  readonly signal: AbortSignal;
}
export type Handlers = {
  readonly [N in Exclude<JsonRoute, 'openapi'>]: (input: ParsedOf<N>, ctx: HandlerContext) => Promise<AnswerOf<N>>;
} & {
  readonly [N in StreamRoute]: (
    input: ParsedOf<N>,
    /** `emit` resolves once the caller's side has room again; it never throws. */
    ctx: HandlerContext & { readonly emit: (event: EventOf<N>) => Promise<void> },
  ) => Promise<AnswerOf<N>>;
} & { readonly metrics: (input: ParsedOf<'metrics'>, ctx: HandlerContext) => Promise<string> };

export type FleetStatusBody = z.output<typeof FleetStatus>;
export type ProblemBody = z.output<typeof Problem>;
export type ReleaseBody = z.output<typeof Release>;
export type BakeResultBody = z.output<typeof BakeResult>;
export type ReproductionBody = z.output<typeof Reproduction>;
export type GateReportBody = z.output<typeof GateReport>;
export type BakeEventBody = z.output<typeof BakeEvent>;
export type EntryBody = z.output<typeof Entry>;
export type LogLineBody = z.output<typeof LogLine>;
export type EvidenceBody = z.output<typeof Evidence>;
export type ImageBody = z.output<typeof Image>;
export type InventoryBody = z.output<typeof Inventory>;
export type DiffBody = z.output<typeof Diff>;
export type VulnerabilityReportBody = z.output<typeof VulnerabilityReport>;
export type StoredImageBody = z.output<typeof StoredImage>;
export type ServeEventBody = z.output<typeof ServeEvent>;
export type TransferEventBody = z.output<typeof TransferEvent>;
export type ChannelBody = z.output<typeof Channel>;
export type RevokingBody = z.output<typeof Revoking>;
export type LineageAnswer = z.output<typeof LineageBody>;
export type PatchPlanBody = z.output<typeof PatchPlan>;
export type WavesBody = z.output<typeof Waves>;
export type PatchStatusBody = z.output<typeof PatchStatus>;
export type GcPlanBody = z.output<typeof GcPlan>;
