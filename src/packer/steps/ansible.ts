/** The provisioners `ansible` and `ansible-local`: a playbook becomes an ansible step; both run on the spot. */
import { dirname } from 'node:path';

import type { Json } from '../../domain/json.ts';
import { Refusal, type Place } from '../problems.ts';
import { Settings, type Section } from '../template.ts';
import { noteIgnored, refuseStrangers, TIMING, type Context } from './context.ts';

const UNNEEDED = [
  'ansible_ssh_extra_args',
  'ansible_winrm_use_http',
  'clean_staging_directory',
  'extra_ssh_arguments',
  'host_alias',
  'keep_inventory_file',
  'local_port',
  'sftp_command',
  'skip_version_check',
  'staging_directory',
  'use_proxy',
  'use_sftp',
  'user',
];

/** What Ansible finds beside the playbook by itself. */
const BESIDE: Readonly<Record<string, string>> = {
  group_vars: 'group_vars',
  host_vars: 'host_vars',
  role_paths: 'roles',
  roles_path: 'roles',
};

export function translateAnsible(section: Section, context: Context): void {
  const settings = new Settings(section);
  const playbooks = [...settings.texts('playbook_file'), ...settings.texts('playbook_files')];
  if (playbooks.length === 0) throw new Refusal(section.at, `${section.type}: has no playbook_file; add one`);
  const at = settings.placeOf('playbook_file');
  const folder = dirname(playbooks[0] ?? '');
  for (const [name, beside] of Object.entries(BESIDE)) {
    for (const path of settings.texts(name))
      requireBeside(path, `${folder}/${beside}`, { name, at: settings.placeOf(name) }, context);
  }
  const playbookFolder = settings.text('playbook_dir');
  if (playbookFolder !== null && normal(playbookFolder) !== normal(folder))
    throw new Refusal(
      settings.placeOf('playbook_dir'),
      `${section.type}: what a playbook needs lies beside it; make ${folder} the playbook_dir`,
    );
  noteIgnored(settings, context, ...UNNEEDED, ...TIMING);
  const variables = extraVariables(settings.texts('extra_arguments'), settings.placeOf('extra_arguments'), context);
  const groups = [...settings.texts('groups'), ...settings.texts('inventory_groups')].flatMap((text) => text.split(','));
  const env = environment(settings);
  refuseStrangers(settings, context);
  for (const playbook of playbooks) {
    const located = context.files.locate(playbook, at);
    if (located.within === null)
      throw new Refusal(at, `${section.type}: a playbook must be in the template's folder; copy it in`);
    const lent = Object.fromEntries(context.draft.uploaded.map(({ from, to }) => [from, to] as const));
    context.draft.addRun({
      ansible: context.draft.need(located, at),
      ...(groups.length === 0 ? {} : { groups }),
      ...(Object.keys(variables).length === 0 ? {} : { 'extra-vars': variables }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(Object.keys(lent).length === 0 ? {} : { with: lent }),
    });
    needBeside(located.within, context, at);
  }
}

const normal = (path: string): string => path.replaceAll(/^\.\/|\/+$/g, '') || '.';

function requireBeside(path: string, beside: string, { name, at }: { name: string; at: Place }, context: Context): void {
  const wanted = normal(beside);
  if (normal(path) !== wanted && normal(dirname(path)) !== wanted)
    throw new Refusal(at, `${name}: Ansible finds this by itself at ${wanted}; move it there`);
  context.files.locate(path, at);
}

/** What an ansible step takes along (docs/ansible.md), so that an import elsewhere takes it along too. */
function needBeside(playbook: string, { draft, files }: Context, at: Place): void {
  const folder = dirname(playbook);
  for (const name of ['roles', 'files', 'templates', 'vars', 'tasks', 'handlers', 'group_vars', 'host_vars', 'collections']) {
    const path = folder === '.' ? name : `${folder}/${name}`;
    if (files.exists(path, at)) draft.need(files.locate(path, at), at);
  }
  for (const name of files.matching(folder, '*.{yml,yaml,cfg}', at)) {
    if (!name.startsWith('kiln.')) draft.need(files.locate(folder === '.' ? name : `${folder}/${name}`, at), at);
  }
}

function environment(settings: Settings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    settings.texts('ansible_env_vars').map((text) => {
      const [, name = '', value = ''] = /^([A-Za-z_]\w*)=([^]*)$/.exec(text) ?? [];
      if (name === '') throw new Refusal(settings.placeOf('ansible_env_vars'), `"${text}" is no NAME=VALUE`);
      return [name, value] as const;
    }),
  );
}

/** Arguments that a bake has without being told. */
const NEEDLESS = /^(?:-v{1,6}|--verbose|-b|--become|-K|--diff|-D|--connection=local|--ssh-.*|--scp-.*)$/;

/** `--extra-vars "a=b c=d"`, `-e '{"a": 1}'`, one after the other. */
function extraVariables(args: readonly string[], at: Place, { notices }: Context): Readonly<Record<string, Json>> {
  const found: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const [, joined] = /^(?:--extra-vars=|-e=?)([^]+)$/.exec(arg) ?? [];
    if (joined !== undefined) Object.assign(found, variablesOf(joined, at));
    else if (arg === '--extra-vars' || arg === '-e') Object.assign(found, variablesOf(args[++index] ?? '', at));
    else if (NEEDLESS.test(arg)) notices.add(at, `${arg} not needed: the playbook runs as root, on the spot`);
    else throw new Refusal(at, `the argument ${arg} of ansible-playbook has no counterpart; say it in the playbook`);
  }
  return found;
}

function variablesOf(text: string, at: Place): Readonly<Record<string, Json>> {
  const trimmed = text.trim().replace(/^(['"])([^]*)\1$/, '$2');
  if (trimmed.startsWith('@'))
    throw new Refusal(at, `a file of variables (${trimmed}) is no setting of a recipe; name it under vars_files in the playbook`);
  if (trimmed.startsWith('{')) {
    try {
      return JSON.parse(trimmed) as Readonly<Record<string, Json>>;
    } catch {
      throw new Refusal(at, 'the variables in { } are no JSON; write them as JSON');
    }
  }
  return Object.fromEntries(
    trimmed.split(/\s+/).map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new Refusal(at, `"${pair}" is no NAME=VALUE; write the variables as JSON where values have blanks`);
      return [pair.slice(0, equals), pair.slice(equals + 1).replace(/^(['"])([^]*)\1$/, '$2')] as const;
    }),
  );
}
