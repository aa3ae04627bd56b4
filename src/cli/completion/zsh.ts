/** The completion script for zsh. */
import type { ArgumentSpec, Asked, CommandSpec, Completes, OptionSpec } from '../command.ts';
import { COMMON_OPTIONS } from '../table.ts';
import { ASKED, asking, below, FIXED, flagsIn, isAsked, topLevel, valueOf } from './words.ts';

export function zshCompletion(): string {
  const commands = topLevel.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef kiln
# zsh completion of kiln; in ~/.zshrc, after compinit: source <(kiln completion zsh)
${ASKED.map(functionOf).join('\n')}
_kiln() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${topLevel.map(caseOf).join('\n')}
  esac
}
compdef _kiln kiln
`;
}

const functionOf = (kind: Asked): string =>
  `_kiln_${kind}() { local -a found; found=(\${(f)"${asking(kind)}"}); compadd -a found }`;

function caseOf(spec: CommandSpec): string {
  const specs = [
    ...[...spec.options, ...COMMON_OPTIONS].map(optionSpec),
    ...spec.arguments.map((each) => argumentSpec(each, spec)),
  ];
  return `    ${spec.name}) _arguments ${specs.join(' ')} ;;`;
}

function optionSpec({ flags, summary, completes }: OptionSpec): string {
  const names = flagsIn(flags);
  const value = valueOf(flags);
  const rest = `[${summary.replaceAll(/[[\]]/g, '\\$&')}]${value === undefined ? '' : `:${value}:${actionOf(completes, [])}`}`;
  return names.length === 1
    ? quoted(`${names[0]}${rest}`)
    : `${quoted(`(${names.join(' ')})`)}{${names.join(',')}}${quoted(rest)}`;
}

const argumentSpec = ({ name, required, completes }: ArgumentSpec, spec: CommandSpec): string =>
  quoted(`${required ? ':' : '::'}${name}:${actionOf(completes, below(spec))}`);

function actionOf(completes: Completes, more: readonly string[]): string {
  if (completes === 'none') return ' ';
  if (completes === 'folder') return '_files -/';
  if (isAsked(completes)) {
    return more.length === 0 ? `_kiln_${completes}` : `{ compadd ${more.join(' ')}; _kiln_${completes} }`;
  }
  return `(${FIXED[completes]})`;
}

/** In single quotes for the shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
