/** What the model is checked for: every strategy at a small size, tasks at every point, ages. */
import type { ReleaseContent, Strategy } from '../../../src/domain/release.ts';
import type { Task } from '../../../src/domain/task.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { contentOf, imageOf, type ReleaseTraits } from '../releases.ts';
import type { Subject } from './machine.ts';

const COMMON: ReleaseTraits = { keepMs: 30_000, deadlineMs: 60_000, healthDeadlineMs: 10_000, drainMs: 1000, streamPaceMs: 1000 };

const contents = (strategy: Strategy, traits: ReleaseTraits, count: number): readonly ReleaseContent[] =>
  Array.from({ length: count }, (_, index) => contentOf(imageOf(`r${index + 1}`), { ...COMMON, strategy, ...traits }));

function subject(strategy: Strategy, traits: ReleaseTraits = {}, more: Partial<Subject> = {}): Subject {
  return { contents: contents(strategy, traits, 2), sizes: [2], planner: reconcile, ...more };
}

const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1 };
const holds = [2000, null] as const;
const judge = { maxErrors: null, maxSlowdown: null, maxLatency: [], settleMs: 1000, waitMs: 5000, unsure: 'roll-back' } as const;
const job: Task = { name: 'migrate', at: 'before', kind: 'job', command: ['migrate'], noReturn: null, deadlineMs: 10_000 };
const test: Task = {
  name: 'answers',
  at: 'traffic',
  kind: 'test',
  test: { kind: 'http', path: '/', port: null, status: 200, body: null, headers: {} },
  deadlineMs: 10_000,
};
const approval: Task = { name: 'approval', at: 'traffic', kind: 'approval', deadlineMs: 20_000 };
const told: Task = {
  name: 'told',
  at: 'after',
  kind: 'webhook',
  url: 'https://ops.example/',
  secret: null,
  required: false,
  deadlineMs: 5000,
};

export const SUBJECTS: Readonly<Record<string, Subject>> = {
  rolling: subject(rolling, {}, { sizes: [2, 1] }),
  'rolling with less than all': subject({ kind: 'rolling', minHealthyPercent: 50, maxSurge: 0, batch: null }, { warmUpMs: 2000 }),
  'rolling by checkpoints': subject({
    ...rolling,
    checkpoints: holds.map((holdMs, index) => ({ percent: 50 + 50 * index, holdMs })),
  }),
  'blue-green': subject({ kind: 'blue-green' }, { preview: true }),
  canary: subject({ kind: 'canary', steps: holds.map((holdMs) => ({ weight: 2000, holdMs })), judge: null }, {}, { sizes: [1] }),
  'canary, judged': subject({ kind: 'canary', steps: [{ weight: 2000, holdMs: 2000 }], judge }, {}, { sizes: [1], counts: true }),
  recreate: subject({ kind: 'recreate' }),
  'a single writer': subject({ kind: 'recreate' }, { singleWriter: true, tasks: [job] }, { sizes: [1] }),
  'tasks, blue-green': subject({ kind: 'blue-green' }, { tasks: [job, test, approval, told] }, { sizes: [1] }),
  'tasks, rolling': subject(rolling, { tasks: [{ ...job, noReturn: 'drops a column' }, approval] }, { sizes: [1] }),
  'no port': subject(rolling, { port: false }, { sizes: [1] }),
  ages: subject(rolling, {}, { contents: contents(rolling, {}, 1), upkeep: { scale: null, maxAgeMs: 600_000 } }),
};
