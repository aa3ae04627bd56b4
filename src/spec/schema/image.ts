/** `image:`, the recipe: how an image is made. */
import * as z from 'zod';

import { SEVERITIES } from '../../domain/gate.ts';
import { isJsonObject } from '../../domain/json.ts';
import { BASE_FORMS, readBase } from '../base.ts';
import { choice, count, env, envKey, interval, leaf, mode, nameKey, path, port, signal, text, word } from './fields.ts';
import { tests } from './test.ts';

const base = leaf((value) => (typeof value === 'string' ? readBase(value) : { ok: false, expected: BASE_FORMS }), {
  title: 'base',
  type: 'string',
  examples: ['debian:bookworm', 'image:base:1.0', 'stage:build'],
});

/** The form of Debian's policy 5.6.1, with an architecture or version. Never an option of a package manager. */
const packageName = word(
  /^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?$/,
  'the name of a Debian package, such as nginx or nginx=1.22.1-9',
  ['nginx', 'nginx=1.22.1-9'],
);

const source = leaf(
  (value) =>
    typeof value === 'string' && isWithin(value)
      ? { ok: true, value }
      : { ok: false, expected: 'a path or glob that stays within its folder' },
  { title: 'path or glob', type: 'string', examples: ['./', 'public/**'] },
);
const isWithin = (from: string): boolean => from !== '' && !from.includes('\0') && !from.split('/').includes('..');

const target = leaf(
  (value) =>
    typeof value === 'string' && value.startsWith('/') && isWithin(value)
      ? { ok: true, value }
      : { ok: false, expected: 'an absolute path in the image, without ".." in it' },
  { title: 'absolute path', type: 'string', pattern: '^/' },
);

const STAGE = /^stage:([a-z][a-z0-9-]{0,30})$/;

const fileSource = leaf<{ readonly stage: string } | { readonly path: string }>(
  (value) => {
    if (typeof value !== 'string' || !isWithin(value))
      return { ok: false, expected: 'a path or glob that stays within its folder, or stage:NAME' };
    if (!value.startsWith('stage:')) return { ok: true, value: { path: value } };
    const stage = STAGE.exec(value)?.[1];
    return stage === undefined
      ? { ok: false, expected: 'stage:NAME, the name of one of the stages' }
      : { ok: true, value: { stage } };
  },
  { title: 'path, glob or stage', type: 'string', examples: ['server.js', 'public/**', 'stage:build'] },
);

const fileItem = z
  .strictObject({
    from: fileSource
      .describe('A path, folder or glob within the folder of kiln.yaml; or stage:NAME, and path says what of it.')
      .optional(),
    path: source.describe('What of the stage; without from, what of the folder of kiln.yaml.').optional(),
    to: target.describe('Where it goes. With a trailing slash, or when several match: the folder that they go in.'),
    owner: word(/^[a-z0-9_][a-z0-9_-]*(:[a-z0-9_][a-z0-9_-]*)?$/, 'an owner such as app, app:app or 1000:1000', [
      'app',
      '1000:1000',
    ])
      .describe('Default: root (0:0).')
      .optional(),
    mode: mode.describe('Mode of the files; folders get x where r. Default: 0644, or 0755 for what is executable.').optional(),
  })
  .superRefine(({ from, path }, context) => {
    const needsPath = from === undefined || 'stage' in from;
    if (needsPath === (path !== undefined)) return;
    const message = needsPath
      ? 'is missing; expected what to take: a path, folder or glob'
      : 'from is a path already: only a stage has another';
    context.addIssue({ code: 'custom', path: ['path'], message });
  });

const files = z.union([z.record(z.string(), target), z.array(fileItem)]);

const lentTarget = leaf(
  (value) =>
    typeof value === 'string' && value.startsWith('/tmp/') && isWithin(value)
      ? { ok: true, value }
      : { ok: false, expected: 'a path below /tmp: it is there for this step only (what is to stay goes under files)' },
  { title: 'path below /tmp', type: 'string', pattern: '^/tmp/' },
);

/** What each kind of step may have besides what it does. */
const stepShape = {
  network: z.boolean().describe('false: the step has no network at all.').prefault(true),
  env: env.describe('Environment of this step only; not kept in the image.').prefault({}),
  with: z
    .record(z.string().refine(isWithin, { error: 'expected a path or glob that stays within its folder' }), lentTarget)
    .describe('Files that are there while the step runs and not in the image: { from: to }, to below /tmp.')
    .prefault({}),
};

const playbookPath = leaf(
  (value) =>
    typeof value === 'string' && isWithin(value) && !value.startsWith('/')
      ? { ok: true, value }
      : { ok: false, expected: 'the path of a playbook, relative to the folder of kiln.yaml and within it' },
  { title: 'relative path', type: 'string', examples: ['playbook.yml'] },
);

const variables = leaf((value) => (isJsonObject(value) ? { ok: true, value } : { ok: false, expected: 'a map of variables' }), {
  title: 'variables',
  type: 'object',
});

const runStep = z.union([
  z.string().min(1, { error: 'expected a shell command, found empty text' }),
  z.strictObject({
    run: z.string().min(1, { error: 'expected a shell command, found empty text' }).describe('The shell command.'),
    ...stepShape,
  }),
  z.strictObject({
    ansible: playbookPath.describe(
      'An Ansible playbook, applied while baking; what lies beside it (roles, files, …) comes along.',
    ),
    'extra-vars': variables.describe('Variables for the playbook; they win over all others.').prefault({}),
    groups: z
      .array(word(/^[A-Za-z_]\w{0,99}$/, "an inventory group's name, such as web", ['web']))
      .describe('Inventory groups that the image belongs to, besides all.')
      .prefault([]),
    ...stepShape,
  }),
]);

const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
const userName = word(USER_NAME, "a user's name, such as app (for a fixed id: { name: app, uid: 1000 })", ['app']);

const user = z.union([
  userName,
  z.strictObject({
    name: userName.describe('Its name.'),
    uid: count(0, 60_000).describe('Its id, where the base has no user of that name.').prefault(10_001),
  }),
]);

const stageShape = {
  packages: z.array(packageName).describe('Debian packages; locked by version and hash in kiln.lock.').prefault([]),
  files: files.describe('Files laid into the image: { from: to }, or a list of { from, to, owner, mode }.').prefault([]),
  run: z
    .array(runStep)
    .describe('Shell commands and Ansible playbooks, in order, after packages and files; cached one by one.')
    .prefault([]),
  env: env.describe('Environment of the run steps and of what runs from the image.').prefault({}),
  workdir: path
    .describe('Working directory. Default: that of the base, else /; run steps without one run where the first files went.')
    .optional(),
};

const stage = z.strictObject({
  from: base.describe("The base. Default: the image's own.").optional(),
  user: user.describe('A user made where the base has none of that name. Default: none.').optional(),
  ...stageShape,
});

const threshold = choice([...SEVERITIES, 'never']);
const gates = z
  .strictObject({
    lint: threshold.describe('For mistakes in the recipe.').prefault('high'),
    secrets: threshold.describe('For secrets in layers, environment, labels and history.').prefault('medium'),
    vulnerabilities: z
      .union([
        threshold,
        z.strictObject({
          'fail-at': threshold.describe('From which severity on a new one fails the gate.').prefault('high'),
          unfixed: choice(['fail', 'tell'])
            .describe('tell: one that nobody has mended yet never fails the gate.')
            .prefault('fail'),
          sources: z
            .array(z.string().min(1).max(2000))
            .max(50)
            .describe(
              'OSV archives or folders and the Debian tracker’s JSON: paths beside kiln.yaml, or https:// addresses (with / at the end: an OSV mirror); or trivy, grype. Default: what is in vulnerabilities/ of KILN_HOME.',
            )
            .prefault([]),
          'max-age': interval.describe('Data whose newest record is older is said to be old.').prefault('7d'),
        }),
      ])
      .describe('For vulnerabilities that are new: a severity, or more.')
      .prefault({}),
  })
  .describe('From which severity on a finding keeps the image from being published; never: it is only told.')
  .prefault({});

const compression = choice(['gzip', 'zstd'])
  .describe('How its layers are compressed. zstd is smaller and faster; some older tools read only gzip.')
  .prefault('gzip');

const recipe = z.strictObject({
  from: base.describe('The base that the image is built on.'),
  stages: z.record(nameKey, stage).describe('Earlier stages, in order; the image takes files from them.').prefault({}),
  user: user
    .describe(
      'Who runs the process. Default: `app` (uid 10001) on debian and scratch, else the user of the base; root only where it is named.',
    )
    .optional(),
  ...stageShape,
  entrypoint: z.array(text).describe('The program, as a list: no shell reads it.').prefault([]),
  command: z.array(text).describe('Its default arguments, as a list.').prefault([]),
  ports: z.array(port).describe('TCP ports that the process listens on.').prefault([]),
  labels: z.record(z.string().min(1), text).describe('Labels of the image.').prefault({}),
  'stop-signal': signal.describe('The signal that ends the process well. Default: SIGTERM.').optional(),
  test: tests,
  compression,
  gates,
});

const dockerfilePath = leaf(
  (value) =>
    typeof value === 'string' && isWithin(value) && !value.startsWith('/')
      ? { ok: true, value }
      : { ok: false, expected: 'the path of a Dockerfile, relative to the folder of kiln.yaml and within it' },
  { title: 'relative path', type: 'string', examples: ['Dockerfile'] },
);

const dockerfile = z.strictObject({
  dockerfile: z
    .union([
      dockerfilePath,
      z.strictObject({
        path: dockerfilePath.describe('The Dockerfile.').prefault('Dockerfile'),
        args: z.record(envKey, text).describe('Build arguments (ARG).').prefault({}),
        target: z.string().min(1).describe('The stage to build. Default: the last.').optional(),
        bases: z.record(z.string().min(1), z.string().min(1)).describe('What a FROM reference is replaced by.').prefault({}),
      }),
    ])
    .describe('A Dockerfile instead of a recipe; built by buildah.'),
  test: tests,
  compression,
  gates,
});

export const image = z.union([recipe, dockerfile]);
export type StageSpec = z.output<typeof stage>;
export type RecipeSpec = z.output<typeof recipe>;
export type DockerfileSpec = z.output<typeof dockerfile>;
export type UserSpec = z.output<typeof user>;
