/** What the API's answers and events are made of. */
import * as z from 'zod';

import { EVIDENCE_KINDS } from '../domain/evidence.ts';
import type { ContainerId, GroupId, InstanceId } from '../domain/ids.ts';
import { GATE_NAMES, SEVERITIES, VERDICTS } from '../domain/gate.ts';
import { CATALOGUE, type ErrorCode } from '../errors/catalogue.ts';
import { PinnedReference, ReferenceState } from './configuration-bodies.ts';
import { Revocation, Trashed } from './lineage-bodies.ts';
import { AlarmStatus, MeasuredMetric, Verdict } from './metric-bodies.ts';
import { Checkpoint, TaskStatus } from './task-bodies.ts';
import { digest, fleet, json, list, release, text, time } from './parts.ts';

const errorCode = z.enum(Object.keys(CATALOGUE) as [ErrorCode, ...ErrorCode[]]);
export const ErrorBody = z.object({
  code: errorCode,
  message: z.string(),
  hint: z.string(),
  at: z.object({ file: z.string(), line: z.number().optional(), column: z.number().optional() }).optional(),
});

export const Address = z.object({ host: z.string(), port: z.number() }).meta({ id: 'Address' });
export const Problem = z
  .object({ what: z.string(), hint: z.string(), fatal: z.boolean(), code: errorCode.optional() })
  .meta({ id: 'Problem' });

export const PublicKey = z
  .object({
    id: z.string().meta({ description: 'sha256 of the key in DER form, hexadecimal' }),
    kind: z.enum(['p256', 'ed25519']),
    /** Where it comes from: a file, or KMS. */
    name: z.string(),
    pem: z.string(),
  })
  .meta({ id: 'PublicKey' });

export const Evidence = z
  .object({
    artifact: digest,
    kind: z.enum(EVIDENCE_KINDS),
    /** The predicate's type, or what else the document is. */
    type: z.string(),
    says: z.string(),
    /** Null: it is no verdict. */
    passed: z.boolean().nullable(),
    /** As it says itself. */
    madeAt: time.nullable(),
    signatures: z.int(),
    /** Of the keys that are known here, or were given. */
    signedBy: list(z.object({ id: z.string(), name: z.string() })),
    /** Why it counts for nothing. */
    trouble: z.string().nullable(),
  })
  .meta({ id: 'Evidence' });
export const EvidenceDocument = Evidence.extend({
  mediaType: z.string(),
  annotations: z.record(z.string(), z.string()),
  predicate: json,
  /** As it is stored; null where it cannot be read. */
  document: z.string().nullable(),
}).meta({ id: 'EvidenceDocument' });

export const Health = z.object({
  version: z.string(),
  pid: z.int(),
  home: z.string(),
  startedAt: time,
});

const Finding = z
  .object({
    gate: z.enum(GATE_NAMES),
    rule: z.string(),
    severity: z.enum(SEVERITIES),
    what: z.string(),
    where: z.object({ path: z.string().nullable(), layer: digest.nullable(), line: z.int().optional() }),
    fix: z.string(),
    /** What a line of kiln.waivers.yaml names. */
    fingerprint: z.string(),
    /** Whether it fails the gate. */
    blocks: z.boolean(),
    waiver: z.object({ reason: z.string(), until: z.string() }).nullable(),
  })
  .meta({ id: 'Finding' });
const gateResult = { gate: z.enum(GATE_NAMES), verdict: z.enum(VERDICTS), why: z.string(), ms: z.number() };
export const GateReport = z
  .object({
    ...gateResult,
    findings: list(Finding),
    /** The types of what was made for the image's evidence. */
    predicates: list(z.string()),
  })
  .meta({ id: 'GateReport' });

export const StoredImage = z
  .object({
    digest,
    tags: list(z.string()),
    storedAt: time,
    size: z.number(),
    /** Why it can't be read; null where it is whole. Its size is 0 then. */
    damage: z.string().nullable(),
    /** Those that hold it, as `web.production`. */
    channels: list(z.string()),
    revoked: Revocation.nullable(),
  })
  .meta({ id: 'StoredImage' });
export const Image = StoredImage.extend({
  config: z.object({
    user: z.string().nullable(),
    entrypoint: list(z.string()),
    command: list(z.string()),
    workdir: z.string().nullable(),
    env: list(z.string()),
    ports: list(z.string()),
    labels: z.record(z.string(), z.string()),
  }),
  layers: list(z.object({ digest, size: z.number(), createdBy: z.string().nullable() })),
  annotations: z.record(z.string(), z.string()),
  /** Of the bake that made it; empty where it was not baked here. */
  gates: list(GateReport),
  evidence: list(Evidence),
}).meta({ id: 'Image' });

const Package = z.object({
  type: z.string(),
  name: z.string(),
  version: z.string(),
  purl: z.string(),
  license: z.string().nullable(),
  source: z.object({ name: z.string(), version: z.string() }).nullable(),
  architecture: z.string().nullable(),
  /** The file that says so, and the diff id of the layer in which this version came in. */
  where: z.object({ path: z.string(), layer: digest }),
  /** The distribution's package whose file that is. */
  owner: z.string().nullable(),
});
export const Inventory = z
  .object({
    digest,
    distribution: z
      .object({ id: z.string(), version: z.string().nullable(), codename: z.string().nullable(), name: z.string() })
      .nullable(),
    packages: list(Package),
    /** What was there and could not be read. */
    unread: list(z.object({ path: z.string(), why: z.string() })),
  })
  .meta({ id: 'Inventory' });

const Vulnerability = z.object({
  id: z.string(),
  aliases: list(z.string()),
  /** The vulnerabilities that it tells of, where it is an advisory about several. */
  covers: list(z.string()),
  type: z.string(),
  name: z.string(),
  installed: z.string(),
  fixed: z.string().nullable(),
  severity: z.enum(SEVERITIES),
  score: z.number().nullable(),
  /** False: no source has rated it, and the severity is assumed. */
  rated: z.boolean(),
  summary: z.string(),
  url: z.string().nullable(),
  packages: list(z.object({ name: z.string(), purl: z.string(), path: z.string(), layer: z.string() })),
  /** What a VEX document beside kiln.yaml states of it. */
  vex: z.object({ status: z.enum(['harmless', 'affected', 'open']), why: z.string(), file: z.string() }).nullable(),
});
export const VulnerabilityReport = z
  .object({
    digest,
    /** Null: a scanner brought its own. */
    database: z.object({ digest, newest: time.nullable(), records: z.int(), unread: z.int() }).nullable(),
    scanners: list(z.string()),
    /** What keeps it from being the whole truth. */
    doubts: list(z.string()),
    vulnerabilities: list(Vulnerability),
  })
  .meta({ id: 'VulnerabilityReport' });

export const GcPlan = z
  .object({
    /** To the trash, for so long. */
    images: list(z.object({ digest, tags: list(z.string()) })),
    trashMs: z.number(),
    stays: list(z.object({ digest, tags: list(z.string()), why: list(z.string()) })),
    /** What is in the trash already and stays there. */
    trash: list(Trashed),
    /** Out of the trash, for good. */
    deleted: list(Trashed),
    /** Blobs that nothing has use for any more. */
    blobs: z.int(),
    bytes: z.number(),
    /** Sealed values of releases that no rollback goes back to. */
    values: z.int(),
    /** Damaged images that are kept: while there are any, nothing is deleted, as they might need it. */
    unreadable: list(digest),
  })
  .meta({ id: 'GcPlan' });

/** What a bake says while it works; `step` is unique within one bake. */
const step = z.string();
export const BakeEvent = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('step.started'), step }),
    z.object({ kind: z.literal('step.output'), step, text: z.string() }),
    z.object({ kind: z.literal('step.done'), step, cached: z.boolean(), ms: z.number() }),
    z.object({ kind: z.literal('step.failed'), step, ms: z.number(), message: z.string() }),
    /** Of a kiln.yaml with several: what follows is of this one. */
    z.object({ kind: z.literal('service'), service: z.string() }),
    z.object({ kind: z.literal('gate.started'), gate: z.enum(GATE_NAMES) }),
    z.object({ kind: z.literal('gate.done'), ...gateResult, findings: z.int() }),
  ])
  .meta({ id: 'BakeEvent' });
const orNone = z.string().nullable();
const LockMove = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('base'), name: z.string(), from: orNone, to: orNone }),
  z.object({ kind: z.literal('package'), set: z.string(), name: z.string(), from: orNone, to: orNone, hash: z.boolean() }),
]);
/** A second bake, elsewhere and from nothing, beside the first. */
export const Reproduction = z
  .object({
    same: z.boolean(),
    first: digest,
    second: digest,
    variations: list(z.object({ what: z.string(), varied: z.boolean(), how: z.string() })),
    differences: list(
      z.object({ path: orNone, step: orNone, what: list(z.string()), cause: orNone, why: z.string(), fix: z.string() }),
    ),
    /** Differences that are not listed. */
    more: z.int(),
    ms: z.number(),
  })
  .meta({ id: 'Reproduction' });
export const BakeResult = z
  .object({
    digest,
    /** None where a gate failed: such an image is not published. */
    tags: list(z.string()),
    verdict: z.enum(['pass', 'fail']),
    reports: list(GateReport),
    /** What was attached that was not there before; `signedBy`: the id of the key, null: unsigned. */
    evidence: z.object({ attached: list(digest), signedBy: z.string().nullable() }),
    /** False: every step was cached and the image was in the store already. */
    changed: z.boolean(),
    steps: list(z.object({ name: z.string(), cached: z.boolean(), ms: z.number() })),
    /** What `update` moved in kiln.lock. */
    moved: list(LockMove),
    /** Null where it was not asked for. */
    reproduction: Reproduction.nullable(),
    ms: z.number(),
  })
  .meta({ id: 'BakeResult' });

/** How far a push or pull is: of the image's blobs what is done, and what went over the wire. */
export const TransferEvent = z
  .object({
    doneBytes: z.number(),
    totalBytes: z.number(),
    doneBlobs: z.int(),
    totalBlobs: z.int(),
    movedBytes: z.number(),
  })
  .meta({ id: 'TransferEvent' });
/** `evidence`: how many artifacts went along with the image. */
const Transfer = z.object({ digest, reference: z.string(), evidence: z.int(), movedBytes: z.number(), ms: z.number() });
export const Pushed = Transfer.extend({
  /** How many blobs the registry had, took over from another repository, or was sent. */
  blobs: z.object({ there: z.int(), mounted: z.int(), sent: z.int() }),
}).meta({ id: 'Pushed' });
export const Pulled = Transfer.extend({
  tags: list(z.string()),
  /** False: the image was in the store already. */
  changed: z.boolean(),
}).meta({ id: 'Pulled' });

export const ServeEvent = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('listening'), host: z.string(), port: z.int(), tls: z.boolean() }),
    z.object({ kind: z.literal('request'), method: z.string(), path: z.string(), status: z.int(), bytes: z.number() }),
  ])
  .meta({ id: 'ServeEvent' });

const BrokenGlass = z.object({ reason: z.string(), by: z.string(), overruled: list(z.string()) }).meta({ id: 'BrokenGlass' });
export const AdmissionCheck = z
  .object({
    demand: z.string(),
    met: z.boolean(),
    why: z.string(),
    /** What to do; empty where it is met. */
    hint: z.string(),
  })
  .meta({ id: 'AdmissionCheck' });

export const Release = z
  .object({
    number: release,
    hash: digest,
    image: digest,
    strategy: z.string(),
    label: z.string(),
    createdAt: time,
    /** What it is launched with that is kept elsewhere. */
    references: list(PinnedReference),
    /** What the environment demands of images was overruled for it; null: it was not. */
    brokenGlass: BrokenGlass.nullable(),
  })
  .meta({ id: 'Release' });

const Wait = z.object({
  /** As in docs/reference/states.md. */
  state: z.string(),
  reason: z.string(),
  /** When it gives up; null: a person is needed, and Kiln goes on trying. */
  until: time.nullable(),
  /** What happens then. */
  otherwise: z.string(),
});
const GroupStatus = z.object({
  group: text<GroupId>(),
  release,
  size: z.int(),
  running: z.int(),
  healthy: z.int(),
  /** Basis points of the traffic. */
  weight: z.number(),
  failures: z.int(),
  lastFailure: z.string().nullable(),
  brakedUntil: time.nullable(),
  /** Why nothing of it is launched any more: its image was revoked. */
  revoked: z.string().nullable(),
  /** For a group that is kept warm: until when. */
  warmUntil: time.nullable(),
});
const InstanceStatus = z.object({
  id: text<InstanceId>(),
  release,
  launchedAt: time,
  address: Address.nullable(),
  health: z.enum(['starting', 'healthy', 'unhealthy', 'exited']),
  /** Why it is unhealthy or has exited. */
  detail: z.string().nullable(),
});
const Ended = z.object({
  to: release.nullable(),
  outcome: z.enum(['done', 'rolled-back']),
  reason: z.string(),
  at: time,
});
const Canary = z.object({
  /** From 0; the number of steps: on its way to all traffic. */
  step: z.int(),
  steps: z.int(),
  /** What the step goes by; null after the last. */
  kind: z.enum(['weight', 'instances', 'match', 'mirror']).nullable(),
  /** In words: `at 5 %`, `for the header X-Canary: yes`. */
  what: z.string(),
  /** Basis points of the traffic that it has by its share; null after the last. */
  weight: z.int().nullable(),
  /** What clients are told apart by, in words; null: shares are of the requests. */
  sticky: z.string().nullable(),
  /** The newest verdict. */
  verdict: Verdict.nullable(),
  /** Besides what the load balancer counts. */
  metrics: list(MeasuredMetric),
});
const Scaling = z.object({
  /** What it follows: `each` is what one instance is to have, `total` what all have; null: not known now. */
  load: list(z.object({ kind: z.enum(['cpu', 'requests', 'metric']), each: z.number(), total: z.number().nullable() })),
  min: z.int(),
  max: z.int(),
  /** Why the size stays, or changes, and when that may be over. */
  why: z.string(),
  until: time.nullable(),
  /** A person has set the size. */
  held: z.boolean(),
});
export const FleetStatus = z
  .object({
    fleet,
    phase: z.enum(['empty', 'steady', 'advancing', 'restoring', 'attention', 'stopped', 'retiring']),
    paused: z.boolean(),
    /** The release that the fleet moves to, or is at. */
    target: release.nullable(),
    /** The release that the last finished rollout put in place. */
    serving: release.nullable(),
    /** How many instances are wanted. */
    size: z.int(),
    /** Of a fleet whose size follows its load. */
    scaling: Scaling.nullable(),
    since: time,
    /** When the first of `waits` gives up. */
    deadline: time.nullable(),
    waits: list(Wait),
    groups: list(GroupStatus),
    instances: list(InstanceStatus),
    listen: Address.nullable(),
    preview: Address.nullable(),
    /** Why the present rollout runs. */
    reason: z.string().nullable(),
    /** What keeps the daemon from acting at the moment. */
    trouble: z.string().nullable(),
    /** How the last rollout ended. */
    ended: Ended.nullable(),
    /** Of a canary under way. */
    canary: Canary.nullable(),
    /** Of a rollout under way. */
    alarms: list(AlarmStatus),
    /** Of a rolling rollout: the next, until all have passed. */
    checkpoint: Checkpoint.nullable(),
    /** Of the present rollout; of the last one while none is under way. */
    tasks: list(TaskStatus),
    /** Of the release that it moves to, or is at. */
    brokenGlass: BrokenGlass.nullable(),
    /** Of its references, those whose source has another value by now, or none: as it was last asked. */
    drift: list(ReferenceState),
  })
  .meta({ id: 'FleetStatus' });

export const Entry = z
  .object({
    seq: z.int(),
    at: time,
    fleet: fleet.nullable(),
    kind: z.string(),
    data: json,
    hash: digest,
    prev: digest,
  })
  .meta({ id: 'Entry' });

export const LogLine = z
  .object({
    /** Or a job. */
    instance: text<ContainerId>(),
    at: time,
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
  })
  .meta({ id: 'LogLine' });
