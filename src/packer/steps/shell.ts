/** The provisioner `shell`: inline commands and scripts become run steps. */
import { basename } from 'node:path';

import type { Json } from '../../domain/json.ts';
import { textOf } from '../evaluate/values.ts';
import { Refusal, type Place } from '../problems.ts';
import { Settings, type Section } from '../template.ts';
import { noteIgnored, refuseStrangers, TIMING, type Context } from './context.ts';

const UNNEEDED = ['binary', 'expect_disconnect', 'remote_file', 'remote_folder', 'remote_path', 'skip_clean', 'use_env_var_file'];
const DEFAULT_SHEBANG = '/bin/sh -e';

/** Commands of a bake run as root already. */
const SUDO = `#!/bin/sh
# Stands for sudo while the image is baked: every command runs as root already. It is not in the image.
while [ $# -gt 0 ]; do
  case $1 in
    -u | -g | -p | -C | -h | -r | -t) shift 2 ;;
    --) shift; break ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
[ $# -eq 0 ] || exec "$@"
`;
const SUDO_FOLDER = '/tmp/packer-bin';

interface Script {
  /** What is run; null: the file that is lent. */
  readonly command: string;
  readonly lent: Readonly<Record<string, string>>;
  /** The commands as the template or the script has them. */
  readonly text: string;
}

export function translateShell(section: Section, context: Context): void {
  const settings = new Settings(section);
  const interpreter = interpreterOf(settings);
  const env = { ...packerVariables(settings, context), ...environment(settings) };
  refuseExitCodes(settings);
  noteIgnored(settings, context, ...UNNEEDED, ...TIMING);
  const scripts = scriptsOf(settings, interpreter, context);
  refuseStrangers(settings, context);
  for (const script of scripts) {
    noteShared(script.text, section, context);
    context.draft.addRun(entryOf(script, env, context));
  }
}

/** Each step has a /tmp of its own: what two of them name is most likely made by one and missed by the other. */
function noteShared(text: string, { at }: Section, { draft, notices }: Context): void {
  const named = new Set(Array.from(text.matchAll(/\/tmp\/[\w.-]+/g), ([path]) => path));
  const lent = new Set(draft.uploaded.map(({ to }) => to.replace(/\/$/, '')));
  for (const path of named) {
    if (draft.temporary.has(path) && !lent.has(path))
      notices.add(
        at,
        `${path} is named by an earlier command too, and each has a /tmp of its own; if one makes it for the other, join them`,
      );
    draft.temporary.add(path);
  }
}

function scriptsOf(settings: Settings, interpreter: string | null, context: Context): readonly Script[] {
  const inline = settings.texts('inline');
  const names = [...settings.texts('scripts'), ...settings.texts('script')];
  const shebang = settings.text('inline_shebang') ?? DEFAULT_SHEBANG;
  if (inline.length > 0 && names.length > 0)
    throw new Refusal(settings.section.at, 'shell: has both inline and scripts; keep one');
  if (names.length > 0)
    return names.map((name) =>
      scriptFile(name, settings.placeOf(settings.section.settings.has('script') ? 'script' : 'scripts'), interpreter, context),
    );
  if (inline.length === 0) {
    if (
      settings.section.settings.has('inline') ||
      settings.section.settings.has('script') ||
      settings.section.settings.has('scripts')
    )
      return [];
    throw new Refusal(settings.section.at, 'shell: has neither inline nor script; add one');
  }
  return [inlineScript(inline, shebang, interpreter, context)];
}

/** `/bin/sh -e` is what Packer takes for inline commands; a recipe's single command needs no -e. */
function inlineScript(lines: readonly string[], shebang: string, interpreter: string | null, { draft }: Context): Script {
  const text = lines.join('\n');
  if (interpreter === null && /^(?:\/bin\/sh|\/usr\/bin\/env sh|\/bin\/dash)(?: -e)?$/.test(shebang)) {
    const plain = lines.map(withoutSudo);
    const several = plain.length > 1 || (plain[0] ?? '').trim().includes('\n');
    const command = several && shebang.endsWith('-e') ? `set -e\n${plain.join('\n')}` : plain.join('\n');
    return { command, lent: {}, text: plain.join('\n') };
  }
  const path = draft.write('inline.sh', `#!${shebang}\n${text}\n`, true);
  return { command: commandFor(`/tmp/${basename(path)}`, interpreter), lent: { [path]: `/tmp/${basename(path)}` }, text };
}

/** `sudo apt-get update` reads better as what it is here. Other uses of sudo get a stand-in. */
const withoutSudo = (line: string): string => line.replace(/^(\s*)sudo\s+(?:-E\s+)?(?=[A-Za-z./])/, '$1');

function scriptFile(name: string, at: Place, interpreter: string | null, { draft, files }: Context): Script {
  const located = files.locate(name, at);
  if (located.isFolder) throw new Refusal(at, `shell: "${name}" is a folder; name a script`);
  const path = draft.need(located, at);
  const inside = `/tmp/${basename(path)}`;
  return { command: commandFor(inside, interpreter), lent: { [path]: inside }, text: files.read(name, at) };
}

const commandFor = (path: string, interpreter: string | null): string =>
  interpreter === null ? `chmod +x ${shellWord(path)} && ${shellWord(path)}` : `${interpreter} ${shellWord(path)}`;

const shellWord = (text: string): string => (/^[\w./+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

function entryOf(
  script: Script,
  env: Readonly<Record<string, string>>,
  context: Context,
): string | { readonly [key: string]: Json } {
  const needsSudo = /\bsudo\b/.test(script.text);
  const uploads = context.draft.uploaded.map(({ from, to }) => [from, to] as const);
  const lent = { ...Object.fromEntries(uploads), ...script.lent };
  const command = needsSudo ? `export PATH=${SUDO_FOLDER}:$PATH\n${script.command}` : script.command;
  if (needsSudo) lent[context.draft.write('sudo', SUDO, true)] = `${SUDO_FOLDER}/sudo`;
  if (Object.keys(lent).length === 0 && Object.keys(env).length === 0) return command;
  return {
    run: command,
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(Object.keys(lent).length === 0 ? {} : { with: lent }),
  };
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function environment(settings: Settings): Readonly<Record<string, string>> {
  const listed = settings.texts('environment_vars').map((text) => {
    const equals = text.indexOf('=');
    return [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)] as const;
  });
  const mapped = Object.entries(settings.map('env')).map(([name, value]) => [name, textOf(value) ?? ''] as const);
  for (const [name] of [...listed, ...mapped]) {
    if (!NAME.test(name))
      throw new Refusal(
        settings.placeOf('environment_vars'),
        `shell: "${name}" is no name of an environment variable; write NAME=VALUE`,
      );
  }
  return Object.fromEntries([...listed, ...mapped]);
}

/** Packer always sets these; here only where a command reads them. */
function packerVariables({ section }: Settings, { build, files, problems }: Context): Readonly<Record<string, string>> {
  const named = ['script', 'scripts'].flatMap((key) => {
    const setting = section.settings.get(key);
    const values = Array.isArray(setting?.value)
      ? (setting.value as readonly Json[])
      : setting === undefined
        ? []
        : [setting.value];
    return values.flatMap((name) =>
      typeof name === 'string' && setting !== undefined ? (problems.attempt(() => files.read(name, setting.at)) ?? []) : [],
    );
  });
  const text = `${named.join('\n')}\n${JSON.stringify(section.settings.get('inline')?.value ?? '')}`;
  const all = { PACKER_BUILD_NAME: build.name, PACKER_BUILDER_TYPE: build.type };
  return Object.fromEntries(Object.entries(all).filter(([name]) => text.includes(name)));
}

function refuseExitCodes(settings: Settings): void {
  const codes = settings.texts('valid_exit_codes');
  if (codes.some((code) => code !== '0'))
    throw new Refusal(
      settings.placeOf('valid_exit_codes'),
      'shell: a bake goes on only after exit code 0; end the command with || true where others are fine',
    );
}

/** What is left of an execute_command when everything is taken away that only means "run it", perhaps as root. */
const HARMLESS = new Set(['sudo', 'env', '-S', '-E', '-n', '-H', '-i', '--', '.Vars', 'exec']);
const INTERPRETERS = /^(?:\/usr\/bin\/env )?(?:\/usr\/local\/bin\/|\/usr\/bin\/|\/bin\/)?(sh|bash|dash|ash|zsh|python3)$/;

/** The interpreter that execute_command names; null: the script's own. */
function interpreterOf(settings: Settings): string | null {
  const text = settings.text('execute_command');
  if (text === null) return null;
  const bare = text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\{\{\s*(\.Vars|\.Path|\.EnvVarFile)\s*\}\}/g, ' $1 ')
    .replace(/^\s*echo\s+(?:'[^']*'|"[^"]*"|[^\s|]+)\s*\|/, '')
    .replace(/chmod\s+(?:\+x|0?7\d\d)\s+["']?\s*\.Path\s*["']?\s*(?:;|&&)/, '');
  const words = bare
    .replaceAll(/["']/g, ' ')
    .split(/[\s;]+/)
    .filter((word) => word !== '');
  const rest = words.filter((word) => !HARMLESS.has(word) && word !== '.Path' && word !== '-c');
  const refuse = (): never => {
    throw new Refusal(
      settings.placeOf('execute_command'),
      'shell: this execute_command does more than run the script, as root or by a shell; put that into the script itself',
    );
  };
  if (!words.includes('.Path')) return refuse();
  const options = rest.filter((word) => /^-[eux]+$/.test(word));
  const programs = rest.filter((word) => !options.includes(word));
  const [program] = programs;
  // `sh -c '… script'` runs the script itself: the outer shell means nothing.
  if (program === undefined || (words.includes('-c') && programs.length === 1 && INTERPRETERS.test(program))) return null;
  if (programs.length > 1 || !INTERPRETERS.test(program)) return refuse();
  return [program, ...options].join(' ');
}
