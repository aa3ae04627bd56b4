import assert from 'node:assert/strict';
import { test } from 'node:test';

import { instanceId, type FleetId, type GroupId, type ReleaseNumber } from '../domain/ids.ts';
import type { Weights } from '../engines/engine.ts';
import { emptyFleet } from '../plan/state.ts';
import { contentOf, imageOf, releaseOf } from '../../test/simulation/releases.ts';
import { metricsText } from './metrics.ts';

const group = 'web.local.r7' as GroupId;
const releases = Array.from({ length: 7 }, (_, index) => releaseOf(index + 1, contentOf(imageOf('web'))));
const state = { ...emptyFleet('web.local' as FleetId), size: 3, serving: 7 as ReleaseNumber, releases };
const usage = [{ instance: instanceId(group, 'aaaaaa'), cpuMs: 1500, memoryBytes: 1 << 25 }];
const observed = {
  fleet: state.fleet,
  jobs: [],
  groups: [
    {
      group,
      size: 3,
      running: 3,
      healthySince: [1, 2],
      members: [],
      failures: 4,
      lastFailure: null,
      brakedUntil: null,
      deleting: false,
    },
  ],
  weights: { [group]: 2500 } as Weights,
  canary: null,
  preview: null,
  settled: true,
  trouble: null,
};
const answered = {
  requests: 10,
  status: { '1xx': 0, '2xx': 9, '3xx': 0, '4xx': 0, '5xx': 0, failed: 1 },
  latencyMs: [
    { le: 5, count: 6 },
    { le: 10, count: 3 },
    { le: Number.POSITIVE_INFINITY, count: 1 },
  ],
};
const traffic = [{ group, ...answered, safe: answered, mirrored: answered }];

test('every fleet, group and release has its numbers, labelled by service, environment and release', () => {
  const text = metricsText([{ state, observed, traffic, usage, drifted: 1 }], { uptimeSeconds: 1.5, rssBytes: 100 });
  for (const line of [
    'kiln_fleet_size{service="web",environment="local"} 3',
    'kiln_fleet_serving_release{service="web",environment="local"} 7',
    'kiln_fleet_configuration_drift{service="web",environment="local"} 1',
    'kiln_group_healthy{service="web",environment="local",release="7"} 2',
    'kiln_group_failures_total{service="web",environment="local",release="7"} 4',
    'kiln_group_traffic_ratio{service="web",environment="local",release="7"} 0.25',
    'kiln_requests_total{service="web",environment="local",release="7",status="failed"} 1',
    'kiln_instance_cpu_seconds_total{service="web",environment="local",release="7",instance="web.local.r7.aaaaaa"} 1.5',
    'kiln_instance_cpus{service="web",environment="local",release="7",instance="web.local.r7.aaaaaa"} 1',
    'kiln_instance_memory_saturation_ratio{service="web",environment="local",release="7",instance="web.local.r7.aaaaaa"} 0.5',
    'kiln_mirrored_requests_total{service="web",environment="local",release="7",status="2xx"} 9',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
});

test('buckets of a histogram are cumulative and end in +Inf and the count (exposition format)', () => {
  const text = metricsText([{ state, observed, traffic, usage, drifted: 0 }], { uptimeSeconds: 1, rssBytes: 1 });
  const buckets = [...text.matchAll(/_(?:bucket\{.*le="([^"]+)"|(count)\{[^}]*)\} (\d+)/g)].map(([, le, count, value]) => [
    le ?? count,
    value,
  ]);
  assert.deepEqual(buckets, [
    ['5', '6'],
    ['10', '9'],
    ['+Inf', '10'],
    ['count', '10'],
  ]);
});

test('each line is a comment or a sample', () => {
  const text = metricsText([], { uptimeSeconds: 1, rssBytes: 1 });
  assert.match(text, /^(# (HELP|TYPE) [a-z_]+ .+\n|[a-z_]+(\{[^}]*\})? [\d.]+\n)+$/);
});
