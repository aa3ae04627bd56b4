/** The commands that tell a rollout under way one word. Part of the table (table.ts). */
import type { CommandSpec } from './command.ts';
import { option, pastNoReturn, service } from './table-parts.ts';

export const ROLLOUT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'pause',
    group: 'Fleets',
    summary: 'Hold a rollout where it is',
    arguments: [service],
    options: [],
    example: 'kiln pause web',
    exits: {},
    load: () => import('./commands/pause.ts'),
  },
  {
    name: 'resume',
    group: 'Fleets',
    summary: 'Go on with a paused rollout',
    arguments: [service],
    options: [],
    example: 'kiln resume web',
    exits: {},
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'promote',
    group: 'Fleets',
    summary: 'Go past the present step of a canary or checkpoint of a rolling rollout, whatever it still waits for',
    arguments: [service],
    options: [option('--all', 'past all of them')],
    example: 'kiln promote web',
    exits: {},
    load: () => import('./commands/promote.ts'),
  },
  {
    name: 'approve',
    group: 'Fleets',
    summary: 'Approve what the rollout waits for; who did is kept in the history',
    arguments: [service],
    options: [],
    example: 'kiln approve web',
    exits: {},
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'abort',
    group: 'Fleets',
    summary: 'Give a rollout up and go back to where it came from',
    arguments: [service],
    options: [pastNoReturn],
    example: 'kiln abort web',
    exits: {},
    load: () => import('./commands/abort.ts'),
  },
];
