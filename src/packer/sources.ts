/** Sources and builders: which base stands for them, and what of their settings is the image's. */
import { Refusal } from './problems.ts';
import type { Place } from './problems.ts';
import { Settings, type Section, type Target } from './template.ts';
import type { Notices } from './opening.ts';
import { readBase } from '../spec/base.ts';

/** What the source says of the image itself, in the words of kiln.yaml. */
export interface SourceImage {
  readonly from: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly user: string | null;
  readonly workdir: string | null;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

/** They put something into the machine that is built, which the base does not have. */
const CONTENT = new Set([
  'boot_command',
  'cd_content',
  'cd_files',
  'cloud_init',
  'custom_data',
  'custom_data_file',
  'floppy_content',
  'floppy_dirs',
  'floppy_files',
  'http_content',
  'http_directory',
  'startup_script_file',
  'user_data',
  'user_data_file',
]);

interface Changes {
  env: Record<string, string>;
  labels: Record<string, string>;
  ports: number[];
  user: string | null;
  workdir: string | null;
  entrypoint: readonly string[];
  command: readonly string[];
}

/** `given`: what --base says of this source; null where it says nothing. Throws Refusals. */
export function sourceImage(section: Section, target: Target, given: string | null, notices: Notices): SourceImage {
  const settings = new Settings(section);
  const isDocker = target.type === 'docker';
  const from = given ?? (isDocker ? dockerBase(settings) : null);
  if (from === null) {
    throw new Refusal(
      section.at,
      `${target.id} is a machine in a cloud, and a recipe starts from a base; say which stands for it: --base ${target.id}=debian:bookworm`,
    );
  }
  const changes = isDocker ? dockerChanges(settings) : NOTHING();
  if (isDocker)
    settings.ignore('image', 'changes', 'commit', 'pull', 'run_command', 'container_dir', 'author', 'message', 'platform');
  for (const name of isDocker ? ['export_path', 'discard'] : [])
    if (settings.get(name) !== null)
      throw new Refusal(settings.placeOf(name), `${name} is not what a bake makes; take it away, and use \`kiln push\``);
  const ignored: string[] = [];
  for (const { name, at } of settings.strangers()) {
    if (CONTENT.has(name))
      throw new Refusal(
        at,
        `${name} puts something into the machine that the base ${from} does not have; do it by a provisioner`,
      );
    ignored.push(name);
  }
  if (ignored.length > 0)
    notices.add(section.at, `${from} stands for ${target.id}; of no use to a bake: ${[...new Set(ignored)].join(', ')}`);
  return { from, ...changes };
}

const NOTHING = (): Changes => ({ env: {}, labels: {}, ports: [], user: null, workdir: null, entrypoint: [], command: [] });

/** Docker's short names are those of Docker Hub; `debian:` alone would be Kiln's own base. */
function dockerBase(settings: Settings): string {
  const image = settings.text('image');
  const at = settings.placeOf('image');
  if (image === null) throw new Refusal(at, 'a docker source needs an image; add one, or give --base');
  const full = /^[^/]+$/.test(image) ? `docker.io/library/${image}` : image;
  const read = readBase(full);
  if (!read.ok)
    throw new Refusal(at, `"${image}" is no base: expected ${read.expected}; write a tag or a digest, or give --base`);
  return full;
}

/** Lines as in a Dockerfile. */
function dockerChanges(settings: Settings): Changes {
  const changes = NOTHING();
  const at = settings.placeOf('changes');
  for (const line of settings.texts('changes')) {
    const [, word = '', rest = ''] = /^([A-Za-z]+)\s+([^]*)$/.exec(line.trim()) ?? [];
    applyChange(changes, word.toUpperCase(), rest, line, at);
  }
  return changes;
}

function applyChange(changes: Changes, word: string, rest: string, line: string, at: Place): void {
  switch (word) {
    case 'ENV':
      Object.assign(changes.env, pairs(rest, at));
      return;
    case 'LABEL':
      Object.assign(changes.labels, pairs(rest, at));
      return;
    case 'EXPOSE':
      changes.ports.push(...rest.split(/\s+/).map((port) => portOf(port, at)));
      return;
    case 'USER':
      if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(rest))
        throw new Refusal(at, `"${line}" names no user that a recipe can have; write a name`);
      changes.user = rest;
      return;
    case 'WORKDIR':
      changes.workdir = rest.replace(/(.)\/$/, '$1');
      return;
    case 'ENTRYPOINT':
      changes.entrypoint = argumentsOf(rest, at);
      return;
    case 'CMD':
      changes.command = argumentsOf(rest, at);
      return;
    default:
      throw new Refusal(
        at,
        `"${line.slice(0, 60)}" has no counterpart in a recipe; take it away (volumes are declared under run.volumes)`,
      );
  }
}

function portOf(text: string, at: Place): number {
  const [, digits] = /^(\d{1,5})(?:\/tcp)?$/.exec(text) ?? [];
  if (digits === undefined) throw new Refusal(at, `"${text}" is no TCP port; write its number`);
  return Number(digits);
}

/** `A=b C="d e"`, or the old form `A b`. */
function pairs(text: string, at: Place): Readonly<Record<string, string>> {
  if (!text.includes('=')) {
    const [, name = '', value = ''] = /^(\S+)\s+([^]*)$/.exec(text) ?? [];
    return { [name]: value };
  }
  const found = [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|'([^']*)'|(\S*))/g)];
  if (found.length === 0) throw new Refusal(at, `"${text.slice(0, 60)}" is no NAME=VALUE`);
  return Object.fromEntries(found.map(([, name = '', double, single, bare]) => [name, double ?? single ?? bare ?? '']));
}

/** JSON in its list form, else by a shell, as Docker does. */
function argumentsOf(text: string, at: Place): readonly string[] {
  if (!text.startsWith('[')) return ['/bin/sh', '-c', text];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every((item) => typeof item === 'string')) return parsed;
  } catch {
    // Said below.
  }
  throw new Refusal(at, `${text.slice(0, 60)} is no list of texts in JSON; write it as one`);
}
