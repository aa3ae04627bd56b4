/** What both shells' completion scripts are made from. */
import type { Asked, CommandSpec, Completes } from '../command.ts';
import { COMMANDS } from '../table.ts';

const visible: readonly CommandSpec[] = COMMANDS.filter(({ group }) => group !== 'hidden');

export const topLevel = visible.filter(({ name }) => !name.includes(' '));

/** The last words of commands below another: `history` → `verify`. */
export const below = ({ name }: CommandSpec): readonly string[] =>
  visible.filter((spec) => spec.name.startsWith(`${name} `)).map((spec) => spec.name.slice(name.length + 1));

/** Words that are always the same. */
export const FIXED: Readonly<Partial<Record<Completes, string>>> = {
  shell: 'bash zsh',
  strategy: 'rolling blue-green canary recreate',
  'sbom-format': 'cyclonedx spdx',
};

export const ASKED: readonly Asked[] = ['service', 'image', 'channel', 'environment', 'release', 'instance'];
export const isAsked = (completes: Completes): completes is Asked => ASKED.some((each) => each === completes);

/** When a key is pressed; starts no daemon. */
export const asking = (completes: Asked): string => `$(kiln complete-words ${completes} 2>/dev/null)`;

/** `-f, --follow` → `-f`, `--follow`; `--tail <N>` → `--tail`. */
export const flagsIn = (flags: string): readonly string[] => flags.split(/,? /).filter((word) => word.startsWith('-'));

/** `--tail <N>` → `N`. */
export const valueOf = (flags: string): string | undefined => /<(.+)>/.exec(flags)?.[1];
