/** The canonical rollouts with tasks: each kind, at each point, to its end and to its failure, and every way that it is cut short. */
import type { Strategy } from '../../src/domain/release.ts';
import type { Task } from '../../src/domain/task.ts';
import { GOOD, type Behaviour } from '../../src/engines/sim/behaviour.ts';
import type { TaskBehaviour } from '../../src/engines/sim/jobs.ts';
import { contentOf, imageOf, type ReleaseTraits } from './releases.ts';
import type { Act, TaskBehaviours, TimedAct } from './scenario.ts';

const DEADLINE_MS = 10_000;
const LATER_MS = 60_000;
/** Into the middle of a job that takes two seconds. */
const SOON_MS = 1000;

const migrate: Task = {
  name: 'migrate',
  at: 'before',
  kind: 'job',
  command: ['migrate'],
  noReturn: null,
  deadlineMs: DEADLINE_MS,
};
const final: Task = { ...migrate, noReturn: 'drops a column' };
const answers: Task = {
  name: 'answers',
  at: 'traffic',
  kind: 'test',
  test: { kind: 'http', path: '/', port: null, status: 200, body: null, headers: {} },
  deadlineMs: DEADLINE_MS,
};
const check: Task = { ...migrate, name: 'check', at: 'traffic' };
const approval: Task = { name: 'approval', at: 'traffic', kind: 'approval', deadlineMs: DEADLINE_MS };
const told = (at: Task['at']): Task => ({
  name: `told-${at}`,
  at,
  kind: 'webhook',
  url: 'https://ops.example/',
  secret: null,
  required: at !== 'after',
  deadlineMs: DEADLINE_MS,
});

const blueGreen: Strategy = { kind: 'blue-green' };
const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 50, maxSurge: 1, batch: 1 };
const canary: Strategy = { kind: 'canary', steps: [{ weight: 2000, holdMs: 2000 }], judge: null };
const recreate: Strategy = { kind: 'recreate' };

const FAILS: TaskBehaviour = { ends: 'failed', afterMs: 500 };
const NEVER: TaskBehaviour = { ends: 'never', afterMs: 0 };
const SLOWLY: TaskBehaviour = { ends: 'passed', afterMs: 2000 };

interface Deploy extends ReleaseTraits {
  readonly behaviour?: Behaviour;
  readonly ends?: TaskBehaviours;
}

function deploy(name: string, { behaviour = GOOD, ends = {}, ...traits }: Deploy = {}): Act {
  const common = { strategy: blueGreen, keepMs: 20_000, healthDeadlineMs: 3000, drainMs: 1000 };
  const content = contentOf(imageOf(name), { ...common, ...traits });
  return { kind: 'deploy', content, behaviour, tasks: ends, size: traits.singleWriter === true ? 1 : 3 };
}

const after = (afterMs: number, act: Act): TimedAct => ({ afterMs, act });
const second = (given: Deploy, ...later: readonly TimedAct[]): readonly TimedAct[] => {
  const { strategy, singleWriter } = given;
  const like = { ...(strategy === undefined ? {} : { strategy }), ...(singleWriter === undefined ? {} : { singleWriter }) };
  return [after(0, deploy('a', like)), after(LATER_MS, deploy('b', given)), ...later];
};
const single = { strategy: recreate, singleWriter: true } as const;

export const TASK_ACTS: Readonly<Record<string, readonly TimedAct[]>> = {
  'a migration, passed': second({ tasks: [migrate] }),
  'a migration, failed': second({ tasks: [migrate], ends: { job: FAILS } }),
  'a migration that never ends': second({ tasks: [migrate], ends: { job: NEVER } }),
  'a migration of a first deploy': [after(0, deploy('a', { tasks: [migrate] }))],
  'a migration aborted half-way': second({ tasks: [migrate], ends: { job: SLOWLY } }, after(SOON_MS, { kind: 'abort' })),
  'a migration overtaken by another': second(
    { tasks: [migrate], ends: { job: SLOWLY } },
    after(SOON_MS, deploy('c', { tasks: [migrate] })),
  ),
  'a migration while the daemon dies': second({ tasks: [migrate], ends: { job: SLOWLY } }, after(SOON_MS, { kind: 'crash' })),
  'a migration while the machine is started anew': second(
    { tasks: [migrate], ends: { job: SLOWLY } },
    after(SOON_MS, { kind: 'reboot' }),
  ),
  'a migration while the fleet is stopped': second(
    { tasks: [migrate], ends: { job: SLOWLY } },
    after(SOON_MS, { kind: 'stop' }),
    after(LATER_MS, { kind: 'start' }),
  ),
  'a migration while the fleet is removed': second(
    { tasks: [migrate], ends: { job: SLOWLY } },
    after(SOON_MS, { kind: 'retire' }),
  ),
  'a migration of a single writer, passed': second({ ...single, tasks: [migrate] }),
  'a migration of a single writer, failed': second({ ...single, tasks: [migrate], ends: { job: FAILS } }),
  'tests on green, passed': second({ tasks: [answers, check] }),
  'tests on green, failed': second({ tasks: [answers], ends: { test: FAILS } }),
  'tests of a rolling rollout, passed': second({ strategy: rolling, tasks: [answers] }),
  'tests of a rolling rollout, failed': second({ strategy: rolling, tasks: [answers], ends: { test: FAILS } }),
  'tests of a canary': second({ strategy: canary, tasks: [answers] }),
  'tests of what is recreated': second({ strategy: recreate, tasks: [answers] }),
  'an approval, given': second({ tasks: [approval] }, after(5000, { kind: 'approve' })),
  'an approval, not given': second({ tasks: [approval] }),
  'webhooks at every point': second({ tasks: [told('before'), told('traffic'), told('after')] }),
  'webhooks that nobody takes': second({ tasks: [told('before'), told('after')], ends: { webhook: FAILS } }),
  'past a point of no return, and never healthy': second(
    { tasks: [final], behaviour: { kind: 'never' } },
    after(LATER_MS, deploy('c')),
  ),
  'back past a point of no return': second(
    { tasks: [final] },
    after(LATER_MS, { kind: 'rollback', to: null, pastNoReturn: true }),
  ),
};
