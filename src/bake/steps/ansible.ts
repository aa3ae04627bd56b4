/**
 * An Ansible playbook, applied to the root of the stage with Ansible's local connection. The machine's ansible-core is lent
 * to the sandbox read-only and runs there with the image's own Python: a playbook can reach no more of the machine than a
 * run step can, and nothing of Ansible stays in the image.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { AnsibleStep } from '../../domain/recipe.ts';
import { KilnError } from '../../errors/error.ts';
import { isThere } from '../../platform/files.ts';
import type { RuntimeMount } from '../../linux/runtime-config.ts';
import { lendFiles, selectRecipeFiles, type Lent, type RecipeFiles, type Selection } from '../recipe-files.ts';
import { resolveInRoot } from '../root-path.ts';
import { runInSandbox } from '../sandbox.ts';
import { makeFolder } from '../work-folder.ts';
import { ansibleOnThisMachine, type Ansible } from './ansible-core.ts';
import { tidyCommand } from '../tidy-command.ts';
import { stepFailed } from './failure.ts';
import { buildConstants, DEFAULT_PATH, sourcesFor, type RunPlace } from './run.ts';
import type { Step } from './step.ts';

const MODULES = '/run/kiln/ansible';
const PLAYBOOK = '/run/kiln/playbook';
const INVENTORY = '/run/kiln/inventory.json';
const VARIABLES = '/run/kiln/variables.json';

/** What Ansible itself looks for beside a playbook (Ansible user guide, "Sample directory layout"). */
const BESIDE =
  /^(?:roles|files|templates|vars|tasks|handlers|group_vars|host_vars|library|module_utils|(?:filter|lookup|test|action|callback|vars)_plugins|collections|ansible\.cfg|(?!kiln\.)[^.].*\.ya?ml)$/;

const PYTHONS = ['/usr/bin/python3', '/usr/local/bin/python3', '/bin/python3'];

export function ansibleStep(step: AnsibleStep, place: RunPlace, name: string): Step {
  const env = { ...place.env, ...step.env };
  let taken: { readonly ansible: Ansible; readonly playbook: readonly Selection[]; readonly lent: Lent } | null = null;
  return {
    name,
    kind: 'run',
    inputs: async () => {
      const ansible = await ansibleOnThisMachine();
      const playbook = await selectPlaybook(step.playbook, place.recipeFiles);
      const lent = await lendFiles(step.with, place.recipeFiles);
      taken = { ansible, playbook, lent };
      const { variables, groups, network } = step;
      const content = { playbook: playbook.map(({ list }) => list), with: lent.list };
      return { ansible: ansible.version, main: basename(step.playbook), variables, groups, network, env, ...content };
    },
    apply: async (root, { deps, onText, signal }) => {
      if (taken === null) return;
      const python = await pythonOf(root.merged, name);
      const apt = await sourcesFor(root, step, place, signal);
      const command = {
        args: [python, '-B', '-m', 'ansible.cli.playbook', '-i', INVENTORY, '-e', `@${VARIABLES}`, basename(step.playbook)],
        env: { PATH: DEFAULT_PATH, ...(await buildConstants(signal)), ...apt.env, ...env, ...settings() },
        cwd: PLAYBOOK,
        network: step.network,
        mounts: [
          ...apt.mounts,
          ...(await taken.lent.mounts(root.work)),
          ...taken.ansible.modules.map((path) => readOnly(path, join(MODULES, basename(path)))),
          ...(await playbookMounts(step, taken.playbook, python, root.work)),
        ],
      };
      const result = await runInSandbox(root, command, { home: deps.home, signal, onText });
      if (result.code !== 0)
        throw stepFailed(name, asSaid(result), 'mend the playbook and bake again; the steps before it are kept');
      await tidyCommand(root.upper);
    },
  };
}

/** Ansible tells of failed tasks on standard output; what it warns of on the other would hide that. */
const asSaid = <T extends { readonly stdout: string; readonly stderr: string }>(result: T): T => ({
  ...result,
  stderr: `${result.stderr}\n${result.stdout}`,
});

const readOnly = (from: string, path: string): RuntimeMount => ({ kind: 'bind', from, path, writable: false });

/** The playbook and what lies beside it that Ansible would look for. */
async function selectPlaybook(playbook: string, files: RecipeFiles): Promise<readonly Selection[]> {
  const folder = dirname(playbook);
  const names = await readdir(join(files.folder, folder)).catch(() => []);
  const beside = names.filter((each) => each !== basename(playbook) && BESIDE.test(each)).toSorted();
  const steps = [basename(playbook), ...beside].map((each) => ({
    from: join(folder, each),
    to: each === basename(playbook) || /\.(?:ya?ml|cfg)$/.test(each) ? '/' : `/${each}`,
    stage: null,
    owner: null,
    mode: null,
  }));
  return Promise.all(steps.map((step) => selectRecipeFiles(step, files)));
}

async function playbookMounts(
  step: AnsibleStep,
  playbook: readonly Selection[],
  python: string,
  work: string,
): Promise<readonly RuntimeMount[]> {
  const folder = await makeFolder(join(work, 'playbook'));
  for (const selection of playbook) await selection.place(folder);
  const host = { localhost: { ansible_connection: 'local', ansible_python_interpreter: python } };
  const children = Object.fromEntries(step.groups.map((group) => [group, { hosts: { localhost: {} } }]));
  const inventory = join(work, 'inventory.json');
  await writeFile(inventory, JSON.stringify({ all: { hosts: host, children } }), { mode: 0o644 });
  const variables = join(work, 'variables.json');
  await writeFile(variables, JSON.stringify(step.variables), { mode: 0o644 });
  return [readOnly(folder, PLAYBOOK), readOnly(inventory, INVENTORY), readOnly(variables, VARIABLES)];
}

/** Everything that Ansible writes for itself goes below /tmp, which no layer sees. */
function settings(): Readonly<Record<string, string>> {
  return {
    HOME: '/tmp',
    LC_ALL: 'C.UTF-8',
    PYTHONPATH: MODULES,
    PYTHONDONTWRITEBYTECODE: '1',
    ANSIBLE_HOME: '/tmp/.ansible',
    ANSIBLE_LOCAL_TEMP: '/tmp/.ansible/local',
    ANSIBLE_REMOTE_TEMP: '/tmp/.ansible/remote',
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_NOCOWS: '1',
    ANSIBLE_RETRY_FILES_ENABLED: '0',
    ANSIBLE_LOCALHOST_WARNING: '0',
    // A play for hosts that are in no group would otherwise do nothing, and call that success.
    ANSIBLE_HOST_PATTERN_MISMATCH: 'error',
  };
}

async function pythonOf(root: string, name: string): Promise<string> {
  for (const path of PYTHONS) if (await isThere(await resolveInRoot(root, path))) return path;
  throw new KilnError(
    'BAKE_TOOL_MISSING',
    `the step "${name}" needs Python in the image: Ansible works by it, and there is none`,
    {
      hint: 'add python3 to packages; where the image itself needs none, apply the playbook in an earlier stage and take its files',
    },
  );
}
