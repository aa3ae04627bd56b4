/** The commands about what becomes of images: channels, revocation, lineage. Part of the table (table.ts). */
import type { CommandSpec } from './command.ts';
import { image, option, required } from './table-parts.ts';

const channel = required('CHANNEL', 'SERVICE.CHANNEL, or CHANNEL where one service alone has one of that name', 'channel');
const because = option('--reason <TEXT>', 'why, for the history');

export const LINEAGE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'channels',
    group: 'Images',
    summary: 'List the channels and what they hold',
    arguments: [],
    options: [],
    example: 'kiln channels',
    exits: {},
    load: () => import('./commands/channels.ts'),
  },
  {
    name: 'channel',
    group: 'Images',
    summary: 'Show what a channel holds, who put it there, and what it takes',
    arguments: [channel],
    options: [],
    example: 'kiln channel web.production',
    exits: {},
    load: () => import('./commands/channel.ts'),
  },
  {
    name: 'channel set',
    group: 'Images',
    summary: 'Let a channel hold an image, if its policy allows',
    arguments: [channel, image],
    options: [
      option('--service <SERVICE>', 'for an image that does not say of which service it is', 'service'),
      because,
      option('--break-glass', 'overrule the policy; needs --reason, and the history says so'),
    ],
    example: 'kiln channel set production web:1.2.0 --reason "release 1.2"',
    exits: {},
    load: () => import('./commands/channel-set.ts'),
  },
  {
    name: 'channel rollback',
    group: 'Images',
    summary: 'Let a channel hold again what it held before',
    arguments: [channel],
    options: [because],
    example: 'kiln channel rollback web.production',
    exits: {},
    load: () => import('./commands/channel-rollback.ts'),
  },
  {
    name: 'channel history',
    group: 'Images',
    summary: 'Show all that a channel ever held, who moved it, and why',
    arguments: [channel],
    options: [],
    example: 'kiln channel history web.production',
    exits: {},
    load: () => import('./commands/channel-history.ts'),
  },
  {
    name: 'revoke',
    group: 'Images',
    summary: 'Let nothing of an image start any more',
    arguments: [image],
    options: [
      option('--cascade', 'its descendants too, those that are made later included'),
      option('--at <TIME>', 'from then on: 2026-12-01T08:00Z, or 2h for in two hours (default: now)'),
      because,
      option('--undo', 'take the revocation back; needs --reason'),
    ],
    example: 'kiln revoke web:1.2.0 --cascade --reason "leaks a key"',
    exits: { 3: 'instances of it run on, for a person to replace' },
    load: () => import('./commands/revoke.ts'),
  },
  {
    name: 'lineage',
    group: 'Images',
    summary: 'Show the ancestors and the descendants of an image',
    arguments: [image],
    options: [],
    example: 'kiln lineage web:1.2.0',
    exits: {},
    load: () => import('./commands/lineage.ts'),
  },
];
