/** docs/reference/cli.md, made from the command table (scripts/generate-docs.ts). */
import type { CommandSpec, Group } from './command.ts';
import { COMMANDS, COMMON_OPTIONS, EXIT_CODES } from './table.ts';

const GROUPS: readonly Group[] = ['Images', 'Evidence', 'Fleets', 'History', 'This machine'];

export function cliReference(): string {
  return [
    '# Commands',
    '<!-- Made from src/cli/table.ts by scripts/generate-docs.ts. Change the table, not this file. -->',
    '`kiln` talks to its daemon over a Unix socket in `KILN_HOME` (`/var/lib/kiln` for root, else `~/.kiln`), and starts the daemon when none runs.',
    'Every command takes:',
    listOf(COMMON_OPTIONS.map(({ flags, summary }) => [flags, summary])),
    'Every command can end with one of these exit codes; those that have more say so.',
    listOf(Object.entries(EXIT_CODES)),
    'Errors go to standard error as `error[CODE]: what failed`, where, and a hint; with `--json` also to standard output as `{"error": {…}}`.',
    ...GROUPS.flatMap((group) => [`## ${group}`, ...COMMANDS.filter((spec) => spec.group === group).flatMap(sectionOf)]),
  ]
    .join('\n\n')
    .concat('\n');
}

function sectionOf(spec: CommandSpec): readonly string[] {
  const words = spec.arguments.map(({ name, required }) => (required ? name : `[${name}]`));
  const facts = [
    ...spec.arguments.map(({ name, summary }) => [name, summary] as const),
    ...spec.options.map(({ flags, summary }) => [flags, summary] as const),
  ];
  const exits = Object.entries(spec.exits).map(([code, when]) => [`exit ${code}`, when] as const);
  const list = listOf([...facts, ...exits]);
  return [
    `### kiln ${[spec.name, ...words].join(' ')}`,
    `${spec.summary}.`,
    ...(list === '' ? [] : [list]),
    `\`\`\`sh\n${spec.example}\n\`\`\``,
  ];
}

const listOf = (facts: readonly (readonly [string, string])[]): string =>
  facts.map(([name, summary]) => `- \`${name}\`: ${summary}`).join('\n');
