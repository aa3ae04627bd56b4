/** A plan in words, for `kiln deploy --plan`. */
import { shortDigest } from '../domain/digest.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { titleOf, type Task } from '../domain/task.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import type { CanaryRule, Weights } from '../engines/engine.ts';
import { boundText } from '../plan/alarms.ts';
import type { FleetEvent } from '../plan/events.ts';
import type { Plan, Step } from '../plan/plan.ts';
import { matchText, stickyText } from '../plan/strategies/canary-step.ts';
import { lasting } from '../plan/tasks.ts';

/** What a deploy would record, the next steps, and what it would then wait for. */
export function describePlan(events: readonly FleetEvent[], { steps, waits }: Plan): readonly string[] {
  return [
    ...events.flatMap(describeEvent),
    ...steps.flatMap(describeStep),
    ...waits.map(({ what, otherwise }) => `wait for ${what}; else ${otherwise}`),
  ];
}

function describeStep(step: Step): readonly string[] {
  switch (step.kind) {
    case 'record':
      return describeEvent(step.event);
    case 'ensure-image':
      return [`make the image ${shortDigest(step.image)} ready`];
    case 'ensure-group':
      return [`bring ${step.group} to ${step.size} ${step.size === 1 ? 'instance' : 'instances'}`];
    case 'retire-instance':
      return [`drain and retire ${step.instance}`];
    case 'kill-instance':
      return [`kill ${step.instance}`];
    case 'set-traffic':
      return [`send the traffic to ${describeWeights(step.weights)}${describeRule(step.canary)}`];
    case 'start-job':
      return [`begin the job ${step.task} of r${step.release}`];
    case 'end-job':
      return [`end the job ${step.job}`];
    case 'run-task':
      return [`run the task ${step.task} of r${step.release}`];
    case 'delete-group':
      return [`drain and retire ${step.group}`];
    case 'forget-fleet':
      return ['stop listening'];
  }
}

function describeEvent(event: FleetEvent): readonly string[] {
  switch (event.kind) {
    case 'release.made':
      return [
        `make release r${event.release.number} of image ${shortDigest(event.release.content.image)}`,
        ...describeTasks(event.release.content),
        ...describeAlarms(event.release.content),
        ...describeFloor(event.release.content),
      ];
    case 'size.set':
      return [`set the size to ${event.size}`];
    case 'bounds.set':
      return [`allow ${event.min} to ${event.max} instances`];
    case 'upkeep.set':
      return describeUpkeep(event);
    case 'rollout.started': {
      const { from, to } = event;
      return [`move from ${from === null ? 'nothing' : `r${from}`} to ${to === null ? 'nothing' : `r${to}`}`];
    }
    case 'scaling.held':
    case 'scaling.resumed':
    case 'recycle.started':
    case 'recycle.ended':
    case 'image.ready':
    case 'rollout.progress':
    case 'canary.stepped':
    case 'canary.judged':
    case 'canary.measured':
    case 'canary.passed':
    case 'alarm.raised':
    case 'alarm.cleared':
    case 'task.started':
    case 'task.ended':
    case 'checkpoint.reached':
    case 'checkpoint.passed':
    case 'rollout.paused':
    case 'rollout.resumed':
    case 'rollout.attention':
    case 'rollout.finished':
    case 'warm.expired':
    case 'fleet.stopped':
    case 'fleet.started':
    case 'fleet.unattended':
    case 'chaos.begun':
    case 'chaos.ended':
    case 'fleet.retiring':
    case 'fleet.retired':
      return [];
  }
}

function describeUpkeep({ scale, maxAgeMs }: Upkeep): readonly string[] {
  const by = scale?.targets.map(({ kind, each }) => `${kind} (${each} each)`).join(' and ');
  return [
    by === undefined ? 'let nobody but people set the size' : `let the size follow ${by}`,
    ...(maxAgeMs === null ? [] : [`replace instances before they are ${maxAgeMs / 3_600_000} h old`]),
  ];
}

function describeRule(rule: CanaryRule | null): string {
  if (rule === null) return '';
  const parts = [
    ...(rule.sticky === null ? [] : [`shares by client (${stickyText(rule.sticky)})`]),
    ...rule.matches.map((when) => `requests with ${matchText(when)}`),
    ...(rule.mirror === 0 ? [] : [`a copy of ${rule.mirror / 100} % of the safe requests`]),
  ];
  return `; to ${rule.group} ${parts.join(', ')}`;
}

const WHEN = {
  before: 'before anything of it is launched',
  traffic: 'before it gets traffic',
  after: 'when the rollout has ended',
} as const;

/** What the rollout will stop at, in its order. */
function describeTasks({ replace }: ReleaseContent): readonly string[] {
  return (['before', 'traffic', 'after'] as const).flatMap((at) => {
    const tasks = (replace.tasks ?? []).filter((task) => task.at === at).map(describeTask);
    return tasks.length === 0 ? [] : [`${WHEN[at]}: ${tasks.join('; then ')}`];
  });
}

function describeTask(task: Task): string {
  const within = `${titleOf(task)}, at most ${lasting(task.deadlineMs)}`;
  return task.kind === 'job' && task.noReturn !== null ? `${within}, a point of no return (${task.noReturn})` : within;
}

const describeAlarms = ({ replace }: ReleaseContent): readonly string[] =>
  (replace.alarms ?? []).map((alarm) => {
    const held = alarm.forMs === 0 ? '' : ` for ${lasting(alarm.forMs)}`;
    return `end the rollout at any moment when ${alarm.name} is ${boundText(alarm)}${held}`;
  });

/** Why nothing serves for a while. */
function describeFloor({ launch }: ReleaseContent): readonly string[] {
  const single = launch.volumes.find((volume) => volume.singleWriter);
  if (single === undefined) return [];
  return [`stop the old instance before the new one starts: the volume "${single.name}" has a single writer, so the floor is 0`];
}

function describeWeights(weights: Weights): string {
  const parts = Object.entries(weights).filter(([, weight]) => weight > 0);
  return parts.length === 0 ? 'nobody' : parts.map(([group, weight]) => `${group} ${weight / 100} %`).join(', ');
}
