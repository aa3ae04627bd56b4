/**
 * Metrics in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats): per fleet, group and release.
 * Written by hand: nothing is counted here, everything is read from those who count.
 */
import { environmentOf, fleetOf, groupOf, releaseOf, serviceOf, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Limits } from '../domain/release.ts';
import type { Answered, FleetObservation, GroupMetrics, InstanceUsage } from '../engines/engine.ts';
import type { FleetState } from '../plan/state.ts';

export interface FleetMetrics {
  readonly state: FleetState;
  readonly observed: FleetObservation;
  readonly traffic: readonly GroupMetrics[];
  readonly usage: readonly InstanceUsage[];
  /** Values that have changed at their sources since the release was made. */
  readonly drifted: number;
}

type Labels = Readonly<Record<string, string | number>>;
interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly suffix?: string;
}
type Family = readonly [name: string, type: 'gauge' | 'counter' | 'histogram', help: string, samples: readonly Sample[]];

export function metricsText(
  fleets: readonly FleetMetrics[],
  process: { readonly uptimeSeconds: number; readonly rssBytes: number },
): string {
  const groups = fleets.flatMap(({ observed }) => observed.groups.map((group) => ({ group, weights: observed.weights })));
  const traffic = fleets.flatMap((fleet) => fleet.traffic);
  const instances = fleets.flatMap(({ state, usage }) => usage.map((used) => ({ ...used, limits: limitsOf(state, used) })));
  const families: readonly Family[] = [
    ['kiln_uptime_seconds', 'gauge', 'How long the daemon has run', [{ labels: {}, value: process.uptimeSeconds }]],
    ['kiln_resident_bytes', 'gauge', 'Memory of the daemon', [{ labels: {}, value: process.rssBytes }]],
    [
      'kiln_fleet_size',
      'gauge',
      'Instances wanted',
      fleets.map(({ state }) => ({ labels: fleetLabels(state), value: state.size })),
    ],
    [
      'kiln_fleet_serving_release',
      'gauge',
      'The release that serves, 0 for none',
      fleets.map(({ state }) => ({ labels: fleetLabels(state), value: state.serving ?? 0 })),
    ],
    [
      'kiln_fleet_rollout',
      'gauge',
      '1 while a rollout is under way',
      fleets.map(({ state }) => ({ labels: fleetLabels(state), value: state.rollout === null ? 0 : 1 })),
    ],
    [
      'kiln_fleet_configuration_drift',
      'gauge',
      'Values of references that their sources have changed since the release was made',
      fleets.map(({ state, drifted }) => ({ labels: fleetLabels(state), value: drifted })),
    ],
    [
      'kiln_group_running',
      'gauge',
      'Instances launched and not retired',
      groups.map(({ group }) => ({ labels: groupLabels(group.group), value: group.running })),
    ],
    [
      'kiln_group_healthy',
      'gauge',
      'Healthy instances',
      groups.map(({ group }) => ({ labels: groupLabels(group.group), value: group.healthySince.length })),
    ],
    [
      'kiln_group_failures_total',
      'counter',
      'Instances that failed',
      groups.map(({ group }) => ({ labels: groupLabels(group.group), value: group.failures })),
    ],
    [
      'kiln_group_traffic_ratio',
      'gauge',
      'Share of the traffic',
      groups.map(({ group, weights }) => ({ labels: groupLabels(group.group), value: (weights[group.group] ?? 0) / 10_000 })),
    ],
    [
      'kiln_instance_cpu_seconds_total',
      'counter',
      'Processor time used',
      instances.map(({ instance, cpuMs }) => ({ labels: instanceLabels(instance), value: cpuMs / 1000 })),
    ],
    [
      'kiln_instance_cpus',
      'gauge',
      'CPUs that it may use; 1 where it has no limit',
      instances.map(({ instance, limits }) => ({ labels: instanceLabels(instance), value: limits?.cpus ?? 1 })),
    ],
    [
      'kiln_instance_memory_bytes',
      'gauge',
      'Memory used, what the kernel can take back left out',
      instances.map(({ instance, memoryBytes }) => ({ labels: instanceLabels(instance), value: memoryBytes })),
    ],
    [
      'kiln_instance_memory_saturation_ratio',
      'gauge',
      'Memory used of what it may use; at 1 the kernel ends it',
      instances.flatMap(({ instance, memoryBytes, limits }) =>
        limits === null ? [] : [{ labels: instanceLabels(instance), value: memoryBytes / limits.memoryBytes }],
      ),
    ],
    [
      'kiln_requests_total',
      'counter',
      'Requests by class of their status',
      traffic.flatMap((each) => requestSamples(each.group, each)),
    ],
    [
      'kiln_mirrored_requests_total',
      'counter',
      "Copies of requests, which are no client's, by class of their status",
      traffic.flatMap((each) => (each.mirrored.requests === 0 ? [] : requestSamples(each.group, each.mirrored))),
    ],
    [
      'kiln_request_duration_milliseconds',
      'histogram',
      'From the request to the head of its answer, so that a stream is as fast as its beginning',
      traffic.flatMap(latencySamples),
    ],
  ];
  return families
    .filter(([, , , samples]) => samples.length > 0)
    .map(familyText)
    .join('');
}

const fleetLabels = ({ fleet }: FleetState): Labels => ({ service: serviceOf(fleet), environment: environmentOf(fleet) });

function groupLabels(group: GroupId): Labels {
  const fleet = fleetOf(group);
  return { service: serviceOf(fleet), environment: environmentOf(fleet), release: releaseOf(group) };
}

const instanceLabels = (instance: InstanceId): Labels => ({ ...groupLabels(groupOf(instance)), instance });

const limitsOf = ({ releases }: FleetState, { instance }: InstanceUsage): Limits | null =>
  releases[releaseOf(groupOf(instance)) - 1]?.content.launch.limits ?? null;

const requestSamples = (group: GroupId, { status }: Answered): readonly Sample[] =>
  Object.entries(status).map(([status, value]) => ({ labels: { ...groupLabels(group), status }, value }));

/** Buckets are cumulative in the format; the last is +Inf. There is no sum: HAProxy counts answers, and can't add up times before 2.8. */
function latencySamples({ group, latencyMs }: GroupMetrics): readonly Sample[] {
  const labels = groupLabels(group);
  let total = 0;
  const buckets = latencyMs.map(({ le, count }) => {
    total += count;
    return { labels: { ...labels, le: Number.isFinite(le) ? le : '+Inf' }, value: total, suffix: '_bucket' };
  });
  return [...buckets, { labels, value: total, suffix: '_count' }];
}

function familyText([name, type, help, samples]: Family): string {
  const lines = samples.map(({ labels, value, suffix = '' }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
