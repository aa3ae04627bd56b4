/** The tasks of a rollout as status shows them, those that wait for their turn included. */
import type { FleetStatusBody } from '../api/schema.ts';
import type { ReleaseNumber } from '../domain/ids.ts';
import { titleOf, type Task } from '../domain/task.ts';
import type { FleetState } from '../plan/state.ts';
import { tasksOf, type TaskRun } from '../plan/task-state.ts';

type TaskBody = FleetStatusBody['tasks'][number];

/** Of the release that a person asked for last; on a way back, and once the rollout has ended, only those that were started. */
export function tasksInStatus({ rollout, ended, releases, tasks }: FleetState): readonly TaskBody[] {
  const number = rollout === null ? ended?.asked : rollout.asked;
  if (number == null) return [];
  const bodies = tasksOf(releases[number - 1]).map((task) =>
    bodyOf(
      task,
      number,
      tasks.findLast((run) => run.release === number && run.task === task.name),
    ),
  );
  return rollout?.phase === 'advancing' ? bodies : bodies.filter(({ startedAt }) => startedAt !== null);
}

const bodyOf = (task: Task, release: ReleaseNumber, run: TaskRun | undefined): TaskBody => ({
  name: task.name,
  title: titleOf(task),
  kind: task.kind,
  at: task.at,
  release,
  state: run === undefined ? 'waiting' : (run.ended?.result ?? 'running'),
  startedAt: run?.startedAt ?? null,
  endedAt: run?.ended?.at ?? null,
  detail: run?.ended?.why ?? null,
});
