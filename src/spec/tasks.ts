/** The tasks that a `replace:` section means, in the order in which they run. */
import type { Point, Task } from '../domain/task.ts';
import type { ReplaceSpec } from './schema/replace.ts';
import type { RunSpec } from './schema/run.ts';
import { singleWriters } from './strategy.ts';
import { testKind } from './test-kind.ts';

type Tasks = Pick<ReplaceSpec, 'before' | 'tests' | 'approve' | 'webhooks'>;

/** At each point somebody approves before anything is done, but after what there is to look at; the outside is told next. */
export const tasksOf = (replace: Tasks): readonly Task[] => [
  ...approvals(replace, 'before'),
  ...webhooks(replace, 'before'),
  ...replace.before.map((job, index): Task => jobTask(job, job.name ?? `before-${index + 1}`, 'before')),
  ...replace.tests.map((test, index) => testTask(test, `test-${index + 1}`)),
  ...approvals(replace, 'traffic'),
  ...webhooks(replace, 'traffic'),
  ...webhooks(replace, 'after'),
];

type Job = Omit<Tasks['before'][number], 'point-of-no-return'> & Partial<Tasks['before'][number]>;

const jobTask = (job: Job, name: string, at: Point): Task => ({
  name,
  at,
  kind: 'job',
  command: job.job,
  noReturn: job['point-of-no-return'] ?? null,
  deadlineMs: job.deadline,
});

function testTask(test: Tasks['tests'][number], name: string): Task {
  if ('job' in test) return jobTask(test, test.name ?? name, 'traffic');
  return { name, at: 'traffic', kind: 'test', test: testKind(test), deadlineMs: test.within };
}

const approvals = ({ approve }: Tasks, point: Point): readonly Task[] =>
  approve
    .filter(({ at }) => at === point)
    .map(({ deadline }) => ({ name: `approval-${point}`, at: point, kind: 'approval', deadlineMs: deadline }));

const webhooks = (replace: Tasks, point: Point): readonly Task[] =>
  replace.webhooks.flatMap(({ url, at, secret = null, deadline, required }, index): readonly Task[] =>
    at.includes(point)
      ? [{ name: `webhook-${index + 1}-${point}`, at: point, kind: 'webhook', url, secret, required, deadlineMs: deadline }]
      : [],
  );

/** A name that two tasks would have; null: there is none. */
export function doubleName(replace: Tasks): string | null {
  const names = tasksOf(replace).map(({ name }) => name);
  return names.find((name, index) => names.indexOf(name) !== index) ?? null;
}

/** Why a job among the tests can't be run; null: it can. */
export function secondWriter({ tests }: Pick<Tasks, 'tests'>, run: Pick<RunSpec, 'volumes'>): string | null {
  const [volume] = singleWriters(run);
  return volume !== undefined && tests.some((test) => 'job' in test)
    ? `a job beside the new instance would be a second writer of the volume ${volume}; put it under before, or test by http or command`
    : null;
}
