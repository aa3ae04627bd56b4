/**
 * The states in which a fleet waits, as data: what each waits for, when it gives up, and what happens then (law 6). A wait of
 * a plan names one of them; docs/reference/states.md is made of this table.
 *
 * Where the way back itself is late, or an engine does not do what it is asked, there is no deadline any more: Kiln goes on
 * trying, says so, and a person is needed.
 */
export interface Waiting {
  readonly waitsFor: string;
  /** With where it is set in kiln.yaml, and its default. */
  readonly deadline: string;
  /** The default way out. */
  readonly otherwise: string;
}

const BACK = 'the rollout is rolled back; a way back asks for a person and goes on trying';
const PROGRESS = '`replace.deadline` (5 m) after the last progress';

export const WAITING = {
  image: { waitsFor: 'the image to be made ready', deadline: PROGRESS, otherwise: BACK },
  instances: {
    waitsFor: 'new instances to become ready',
    deadline:
      'after the last progress: `run.health.deadline` (30 s) with `replace.warm-up` and 5 s for the launch, at most `replace.deadline` (5 m)',
    otherwise: BACK,
  },
  traffic: {
    waitsFor: 'the load balancer to do what it was told',
    deadline: `${PROGRESS}; of a fleet at rest none`,
    otherwise: `${BACK}; a fleet at rest goes on trying`,
  },
  'old-instances': {
    waitsFor: 'the old instances to stop before the new ones start (recreate)',
    deadline: PROGRESS,
    otherwise: BACK,
  },
  'canary-counts': {
    waitsFor: "the load balancer's counts, or the new instances to settle (`judge.settle`)",
    deadline: 'the hold of the step with `judge.settle` (10 s), `judge.wait` (15 m) and `replace.deadline` (5 m)',
    otherwise: BACK,
  },
  'canary-hold': {
    waitsFor: 'the time of a step of a canary',
    deadline: '`hold` of the step',
    otherwise: 'it is judged, or goes on where nothing judges',
  },
  'canary-evidence': {
    waitsFor: 'enough requests to judge a step by',
    deadline: '`judge.wait` (15 m) after the hold',
    otherwise: '`judge.unsure`: the rollout is rolled back (default), or goes on',
  },
  'canary-promotion': {
    waitsFor: 'somebody to promote a step (`hold: until promoted`)',
    deadline: 'a day, and `replace.deadline` (5 m)',
    otherwise: BACK,
  },
  'checkpoint-hold': { waitsFor: 'the time of a checkpoint', deadline: '`hold` of the checkpoint', otherwise: 'it goes on' },
  'checkpoint-promotion': {
    waitsFor: 'somebody to promote a checkpoint (`hold: until promoted`), or the instances that it counts to be ready again',
    deadline: 'a day (the hold, where it has one), and `replace.deadline` (5 m)',
    otherwise: BACK,
  },
  task: {
    waitsFor: 'a job, a test, an approval or a webhook of the rollout to pass',
    deadline:
      'its own: `deadline` of a job (10 m), `within` of a test (10 s), `deadline` of an approval (a day) and of a webhook (1 m)',
    otherwise: 'it has failed: the rollout is rolled back, or goes on where the webhook is not `required`',
  },
  turn: { waitsFor: 'a job of an earlier rollout to stop before the next is begun', deadline: PROGRESS, otherwise: BACK },
  told: {
    waitsFor: 'a webhook to be taken once the rollout has ended',
    deadline: '`deadline` of the webhook (1 m)',
    otherwise: 'it is kept as failed; nothing else',
  },
  paused: {
    waitsFor: 'somebody to resume or abort a paused rollout',
    deadline: 'a day',
    otherwise: 'the rollout is rolled back',
  },
  person: {
    waitsFor: 'somebody to deploy what works: the way on has failed, and a point of no return closes the way back',
    deadline: 'none: a person is needed',
    otherwise: 'Kiln holds everything as it is, and heals it',
  },
  emptying: {
    waitsFor: 'a first deploy that failed to be taken away',
    deadline: 'the drains and the grace of its instances, and a minute',
    otherwise: 'a person is asked for, and Kiln goes on trying',
  },
  stopping: {
    waitsFor: 'the instances of a stopped fleet (`kiln down`) to drain and stop',
    deadline: 'their drains and their grace, and a minute',
    otherwise: 'it is told as late, and Kiln goes on trying',
  },
  removing: {
    waitsFor: 'a removed fleet (`kiln remove`) to drain, stop and be forgotten',
    deadline: 'the drains and the grace of its instances, and a minute',
    otherwise: 'it is told as late, and Kiln goes on trying',
  },
  healing: {
    waitsFor: 'a fleet at rest to be whole: after a failure, a kill, or a change of its size',
    deadline:
      'of each instance: `run.health.deadline` (30 s) with `replace.warm-up`; where they fail again and again, up to a minute between launches',
    otherwise: 'the instance has failed, and another takes its place',
  },
  recycling: {
    waitsFor: 'an instance that takes the place of one that has reached `run.max-age`',
    deadline: '`run.health.deadline` (30 s) with `replace.warm-up`, a probe and 5 s for the launch',
    otherwise: 'the old one stays, and it is tried again in ten minutes',
  },
  experiment: {
    waitsFor: 'an experiment (`kiln chaos`): its victims to be killed, then the fleet to be whole again',
    deadline:
      'ten seconds for the kills; then `run.health.deadline` (30 s) with `replace.warm-up`, a probe and 5 s for the launch',
    otherwise: 'victims that live are spared; the experiment is kept as late, and the fleet heals all the same',
  },
  'job-end': {
    waitsFor: 'a job that nobody waits for any more to be stopped',
    deadline: 'none: its stop grace, then SIGKILL',
    otherwise: 'Kiln goes on trying',
  },
} as const satisfies Readonly<Record<string, Waiting>>;

export type WaitingState = keyof typeof WAITING;
