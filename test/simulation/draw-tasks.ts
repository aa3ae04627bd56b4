/** Tasks of random releases, and how they end. */
import type { Task } from '../../src/domain/task.ts';
import type { TaskBehaviour } from '../../src/engines/sim/jobs.ts';
import type { Random } from '../../src/engines/sim/random.ts';
import type { TaskBehaviours } from './scenario.ts';

const DAY_MS = 86_400_000;

/** Each task with how often it is there. `singleWriter`: a job beside instances would be a second one. */
export function drawTasks(random: Random, singleWriter: boolean): readonly Task[] {
  const deadlineMs = (): number => random.pick([2000, 20_000, 120_000]);
  const noReturn = random.chance(0.3) ? 'drops a column' : null;
  const get = { kind: 'http', path: '/', port: null, status: 200, body: null, headers: {} } as const;
  const run = { kind: 'command', command: ['smoke'], exit: 0, stdout: null } as const;
  const webhook = { kind: 'webhook', url: 'https://ops.example/', secret: null } as const;
  const all: readonly (readonly [number, () => Task])[] = [
    [0.15, () => ({ name: 'approval-before', at: 'before', kind: 'approval', deadlineMs: random.pick([5000, 60_000, DAY_MS]) })],
    [0.1, () => ({ name: 'webhook-before', at: 'before', ...webhook, required: random.chance(0.5), deadlineMs: deadlineMs() })],
    [0.6, () => ({ name: 'migrate', at: 'before', kind: 'job', command: ['migrate'], noReturn, deadlineMs: deadlineMs() })],
    [0.1, () => ({ name: 'seed', at: 'before', kind: 'job', command: ['seed'], noReturn: null, deadlineMs: deadlineMs() })],
    [0.3, () => ({ name: 'answers', at: 'traffic', kind: 'test', test: get, deadlineMs: deadlineMs() })],
    [0.2, () => ({ name: 'smoke', at: 'traffic', kind: 'test', test: run, deadlineMs: deadlineMs() })],
    [
      singleWriter ? 0 : 0.1,
      () => ({ name: 'check', at: 'traffic', kind: 'job', command: ['check'], noReturn: null, deadlineMs: deadlineMs() }),
    ],
    [0.15, () => ({ name: 'approval', at: 'traffic', kind: 'approval', deadlineMs: random.pick([5000, 60_000, DAY_MS]) })],
    [0.2, () => ({ name: 'told', at: 'after', ...webhook, required: false, deadlineMs: deadlineMs() })],
  ];
  return all.flatMap(([chance, draw]) => (random.chance(chance) ? [draw()] : []));
}

export const drawTaskBehaviours = (random: Random): TaskBehaviours => ({
  job: drawEnd(random),
  test: drawEnd(random),
  webhook: drawEnd(random),
});

function drawEnd(random: Random): TaskBehaviour {
  const afterMs = random.pick([0, 100, 3000, 30_000]);
  const kind = random.below(10);
  return { ends: kind < 7 ? 'passed' : kind < 9 ? 'failed' : 'never', afterMs };
}
