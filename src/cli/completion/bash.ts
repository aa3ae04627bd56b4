/** The completion script for bash. */
import type { CommandSpec, Completes } from '../command.ts';
import { COMMON_OPTIONS } from '../table.ts';
import { asking, below, FIXED, flagsIn, isAsked, topLevel, valueOf } from './words.ts';

export function bashCompletion(): string {
  const flags = topLevel.map((spec) => `    ${spec.name}) flags='${flagsOf(spec)}' ;;`);
  return `# bash completion of kiln; in ~/.bashrc: source <(kiln completion bash)
_kiln_words() {
  COMPREPLY=($(compgen -W "$1" -- "$2"))
  # Bash takes a colon for the start of a word, and replaces only what stands after it.
  [[ $COMP_WORDBREAKS != *:* ]] || COMPREPLY=("\${COMPREPLY[@]#"\${2%"\${2##*:}"}"}")
}
_kiln() {
  local line=\${COMP_LINE:0:COMP_POINT} word before command flags=''
  local -a words
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=('')
  word=\${words[\${#words[@]} - 1]} before=\${words[\${#words[@]} - 2]} command=\${words[1]}
  COMPREPLY=()
  if ((\${#words[@]} == 2)); then
    _kiln_words '${topLevel.map(({ name }) => name).join(' ')} --help --version' "$word"
    return
  fi
  case $command in
${flags.join('\n')}
  esac
  if [[ $word == -* ]]; then
    _kiln_words "$flags" "$word"
    return
  fi
  case $command:$before in
${topLevel.flatMap(casesOf).join('\n')}
  esac
}
complete -F _kiln kiln
`;
}

const flagsOf = ({ options }: CommandSpec): string =>
  [...options, ...COMMON_OPTIONS, { flags: '--help' }].flatMap((option) => flagsIn(option.flags)).join(' ');

/** One case for each option that takes a value, then one for the words of the command itself. */
function casesOf(spec: CommandSpec): readonly string[] {
  const values = spec.options
    .filter(({ flags }) => valueOf(flags) !== undefined)
    .map(({ flags, completes }) => `    ${spec.name}:${flagsIn(flags).at(-1)}) ${actionOf(completes, [])} ;;`);
  return [...values, `    ${spec.name}:*) ${actionOf(spec.arguments[0]?.completes ?? 'none', below(spec))} ;;`];
}

function actionOf(completes: Completes, more: readonly string[]): string {
  if (completes === 'none') return ':';
  if (completes === 'folder') return 'COMPREPLY=($(compgen -d -- "$word"))';
  const words = isAsked(completes) ? asking(completes) : FIXED[completes];
  return `_kiln_words "${[...more, words].join(' ')}" "$word"`;
}
