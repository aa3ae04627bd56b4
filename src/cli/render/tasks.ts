/** The tasks of a rollout as text, a line each. The one that is waited for is told by what the fleet waits for. */
import type { FleetStatusBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { duration } from './amounts.ts';

type Task = FleetStatusBody['tasks'][number];

/** Once all is over, only what did not pass is worth a line. */
export function taskLines({ phase, tasks }: FleetStatusBody, terminal: Terminal): readonly string[] {
  const isOver = phase !== 'advancing';
  const shown = tasks.filter(({ state, at }) => (state === 'running' ? at === 'after' : !isOver || state !== 'passed'));
  return shown.map((task) => `  ${markOf(task, terminal)} ${harmless(task.title)}${endOf(task)}`);
}

function markOf({ state, at }: Task, terminal: Terminal): string {
  if (state === 'passed') return terminal.paint('green', '✓');
  if (state === 'running') return terminal.paint('yellow', '●');
  if (state === 'waiting') return terminal.paint('dim', '○');
  return at === 'after' ? terminal.paint('yellow', '✗') : terminal.paint('red', '✗');
}

function endOf({ state, startedAt, endedAt, detail }: Task): string {
  const said = detail === null || detail === '' ? '' : `: ${harmless(detail)}`;
  const took = startedAt === null || endedAt === null ? '' : `   ${duration(endedAt - startedAt)}`;
  switch (state) {
    case 'waiting':
    case 'running':
      return '';
    case 'passed':
      return `${took}${detail?.startsWith('approved') === true ? `   ${harmless(detail)}` : ''}`;
    case 'failed':
    case 'stopped':
      return `   ${state}${said}`;
    case 'unknown':
      return `   whether it passed is not known${said}`;
  }
}
