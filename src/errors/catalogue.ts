/**
 * Every code that Kiln can answer with. A published code is never reused for another meaning.
 * `fault`: who can mend it. `exit`: the process's exit code (PRODUCT: 1 bug, 2 usage or configuration, 3 changes or drift
 * found, 4 failed and rolled back, 5 failed and a person is needed, 6 engine or daemon unreachable, 130 interrupted).
 * `doc`: one sentence for docs/errors.md, which is generated from here.
 */
interface Entry {
  readonly fault: 'user' | 'machine' | 'kiln' | 'remote';
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6 | 130;
  readonly http: number;
  readonly doc: string;
}

const entry = (fault: Entry['fault'], exit: Entry['exit'], http: number, doc: string): Entry => ({ fault, exit, http, doc });

export const CATALOGUE = {
  // General
  BUG: entry('kiln', 1, 500, 'Kiln met a state that its authors ruled out. Please report it with the output of --debug.'),
  USAGE: entry('user', 2, 400, 'The command was called in a way it does not understand.'),
  INTERRUPTED: entry('user', 130, 499, 'The command was interrupted; work given to the daemon goes on.'),
  NOT_FOUND: entry('user', 2, 404, 'The service, environment, channel, release, image or instance named does not exist.'),
  NEEDS_ROOT: entry('machine', 2, 403, 'The host engine needs root.'),
  // kiln.yaml
  CONFIG_NOT_FOUND: entry('user', 2, 404, 'There is no kiln.yaml in the folder.'),
  CONFIG_SYNTAX: entry('user', 2, 422, 'kiln.yaml is not well-formed YAML.'),
  CONFIG_INVALID: entry('user', 2, 422, 'kiln.yaml says something that the schema does not allow.'),
  // Packer templates
  TEMPLATE_INVALID: entry(
    'user',
    2,
    422,
    'A Packer template is malformed, or says something that has no counterpart in a recipe.',
  ),
  // Files
  FILE_EXISTS: entry(
    'user',
    2,
    409,
    'A file that would be written is there already; Kiln overwrites nothing that a person wrote.',
  ),
  PATH_ESCAPES: entry('user', 2, 422, 'A path leads out of the folder that it must stay in.'),
  FILE_UNREADABLE: entry('user', 2, 422, 'A file that was named does not exist or cannot be read.'),
  DISK_FULL: entry('machine', 5, 507, 'The disk is full; nothing was half written.'),
  // Images
  IMAGE_NOT_FOUND: entry('user', 2, 404, 'No image of that digest or tag is in the store.'),
  IMAGE_DAMAGED: entry(
    'machine',
    2,
    422,
    'A blob of the image is damaged or lost on disk; a bake or pull of the image puts it back.',
  ),
  IMAGES_BUSY: entry('machine', 2, 409, 'Images are on their way in all the time, and none can be collected beside them.'),
  IMAGE_REVOKED: entry('user', 2, 409, 'The image was revoked: it may not start, and nothing may be built on it.'),
  CHANNEL_REFUSED: entry('user', 2, 409, 'The channel may not be moved to the image: its policy, or the image, forbids it.'),
  POINT_OF_NO_RETURN: entry(
    'user',
    2,
    409,
    'An older release may not serve again: a job has passed that it could not work with.',
  ),
  IMAGE_NOT_PINNED: entry('user', 2, 422, 'A tag was given where only a digest may stand.'),
  IMAGE_INVALID: entry('remote', 2, 422, 'The image breaks the OCI image specification.'),
  LAYER_UNSAFE: entry('remote', 2, 422, 'A layer holds a path, link or size that Kiln refuses to unpack.'),
  DIGEST_MISMATCH: entry('remote', 2, 422, 'Bytes do not have the digest under which they were asked for.'),
  TAG_IMMUTABLE: entry('user', 2, 409, 'The tag already names another image; tags never move.'),
  TAG_REFUSED: entry('user', 2, 422, 'The tag is not allowed: it is malformed, or it is `latest`.'),
  REFERENCE_INVALID: entry('user', 2, 422, 'The text is not an image reference.'),
  REGISTRY_UNREACHABLE: entry('remote', 6, 502, 'The registry did not answer.'),
  REGISTRY_DENIED: entry('remote', 2, 403, 'The registry refused the credentials, or asks for some.'),
  REGISTRY_PROTOCOL: entry('remote', 2, 502, 'The registry answered with something outside the distribution specification.'),
  REGISTRY_LIMITED: entry('remote', 6, 429, 'The registry refuses more requests for now and says when it will take them again.'),
  CLOUD_DENIED: entry('remote', 2, 403, 'The identity that this machine has in its cloud could not be had.'),
  // Configuration
  SOURCE_UNKNOWN: entry('user', 2, 422, 'A reference names a source, or a place in it, that sources.yaml does not set or allow.'),
  SOURCE_UNREACHABLE: entry(
    'remote',
    6,
    502,
    'A source of configuration did not answer, or answered something else than it should.',
  ),
  SOURCE_DENIED: entry('remote', 2, 403, 'A source of configuration refused the credentials, or asks for some.'),
  VALUE_NOT_FOUND: entry('user', 2, 404, 'A source of configuration has no value under the name that a reference gives.'),
  VALUE_REFUSED: entry(
    'user',
    2,
    422,
    'A referenced value is too large, not text where it has to be, or not of the form that the reference asks for.',
  ),
  VALUE_LOST: entry(
    'machine',
    2,
    409,
    'A value that a release is launched with is sealed here no more, and its source no longer has that version.',
  ),
  // Evidence
  KEY_INVALID: entry(
    'user',
    2,
    422,
    'A key cannot be used: it is damaged, encrypted without its password, or of a kind that Kiln does not take.',
  ),
  KEY_UNREACHABLE: entry('remote', 6, 502, 'The key service did not answer, or refused.'),
  EVIDENCE_INVALID: entry('remote', 2, 422, 'A piece of evidence is malformed, too large, or about another image.'),
  IMAGE_NOT_ADMITTED: entry('user', 2, 403, 'The image lacks evidence that the environment demands, or is revoked.'),
  // Bake
  BAKE_STEP_FAILED: entry('user', 2, 422, 'A step of the recipe failed; earlier steps are kept and the next bake resumes there.'),
  BAKE_TOOL_MISSING: entry('machine', 2, 424, 'A program that the recipe needs is not installed.'),
  BASE_UNAVAILABLE: entry('remote', 2, 502, 'The base that the recipe names could not be had.'),
  GATE_FAILED: entry('user', 2, 422, 'A gate refused the image: it stays in the store without a name, and nothing is published.'),
  VULNERABILITY_DATA: entry('user', 2, 422, 'Data about vulnerabilities, or a VEX document, can not be used.'),
  // Deploy
  RELEASE_MISMATCH: entry('kiln', 1, 409, 'A group exists with another release than the one asked for.'),
  ROLLOUT_BUSY: entry('user', 2, 409, 'The command does not fit the present rollout of the fleet.'),
  SIZE_REFUSED: entry('user', 2, 422, 'The fleet may not have so many instances, or so few.'),
  CHAOS_REFUSED: entry('user', 2, 409, 'An experiment would leave too few instances, or comes at a bad time.'),
  CHAOS_LATE: entry('user', 5, 409, 'The fleet was not whole again in time after an experiment; Kiln goes on healing it.'),
  ROLLED_BACK: entry('user', 4, 409, 'The rollout failed and the fleet was rolled back.'),
  ATTENTION: entry('user', 5, 409, 'The rollout failed and could not be rolled back: a person is needed.'),
  SUPERSEDED: entry('user', 4, 409, 'Another deploy, a rollback or a removal took the place of the rollout that was waited for.'),
  NO_WAY_BACK: entry('user', 2, 409, 'There is no earlier release to roll back to.'),
  PLAN_STALE: entry('machine', 5, 409, 'What was seen has changed since the plan was made; Kiln looks again and plans anew.'),
  METRIC_UNREADABLE: entry(
    'remote',
    6,
    502,
    'A source of metrics did not answer, or answered with something else than one number.',
  ),
  // Engines
  ENGINE_UNREACHABLE: entry('machine', 6, 503, 'The engine did not answer.'),
  BALANCER_UNREACHABLE: entry('machine', 6, 503, 'The load balancer did not answer.'),
  REQUIREMENT_MISSING: entry('machine', 2, 424, 'A system package or kernel feature that the engine needs is missing.'),
  PORT_IN_USE: entry('machine', 2, 409, 'Another process listens on the port.'),
  LAUNCH_FAILED: entry('user', 5, 500, 'The instance could not be started.'),
  // Daemon and history
  DAEMON_UNREACHABLE: entry('machine', 6, 503, 'The daemon did not answer on its socket.'),
  DAEMON_RUNNING: entry('user', 2, 409, 'Another daemon already runs on this home.'),
  HISTORY_LOST: entry(
    'machine',
    5,
    409,
    'Instances or routing are there that the history does not explain: it was lost, or an older copy of it was put back.',
  ),
  HISTORY_BROKEN: entry('machine', 5, 500, 'The hash chain of the history is broken: an entry was changed or removed.'),
  STORE_UNREADABLE: entry('machine', 5, 500, 'The state database could not be opened or is damaged.'),
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof CATALOGUE;
