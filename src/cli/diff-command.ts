/** The command that compares. Part of the table (table.ts). */
import type { CommandSpec } from './command.ts';
import { option, required } from './table-parts.ts';

export const DIFF_COMMAND: CommandSpec = {
  name: 'diff',
  group: 'Images',
  summary: 'Show what differs between two images, or between two releases',
  arguments: [
    required('A', 'an image (digest, first digits, tag, channel), or a release as in web.r7', 'image'),
    required('B', 'the other; r8 is enough where A is a release of the same fleet', 'image'),
  ],
  options: [
    option('--all', 'cut no list, and list what is in folders that only one has'),
    option('--text', 'show the changed lines of small texts'),
    option('--markdown', 'write Markdown, for a pull request'),
    option('--dir <DIR>', 'the folder of a kiln.yaml whose sources of vulnerabilities count', 'folder'),
  ],
  example: 'kiln diff web.production web:1.3.0',
  exits: { 3: 'they differ' },
  load: () => import('./commands/diff.ts'),
};
