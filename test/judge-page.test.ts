/** docs/judge.md: its kiln.yaml means what the page says, and a step needs as many numbers as it says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { missingFor } from '../src/plan/judge/judge.ts';
import { environmentOf } from '../src/spec/environment.ts';
import { alarmsOf } from '../src/spec/metrics.ts';
import { parseSpec } from '../src/spec/parse.ts';
import { strategyOf } from '../src/spec/strategy.ts';
import { upkeepOf } from '../src/spec/upkeep.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'judge.md'), 'utf8');
const yaml = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';
const environment = environmentOf(
  parseSpec(`service: web\nimage: { from: scratch }\n${yaml}environments: { local: { listen: 8080 } }\n`, 'kiln.yaml'),
  null,
);

test('the file that the page shows has the metrics, the alarm and the size that it tells of', () => {
  const strategy = strategyOf(environment.replace, environment.run, 3);
  const terms = strategy.kind === 'canary' ? strategy.judge?.metrics : undefined;
  assert.deepEqual(
    terms?.metrics.map(({ name, source, below, rise, drop }) => [name, source.kind, below, rise, drop]),
    [
      ['heap', 'command', null, 0.3, null],
      ['orders', 'http', null, null, 0.1],
      ['queue', 'prometheus', 500, 0.2, null],
    ],
  );
  assert.deepEqual([terms?.everyMs, terms?.unreadable], [15_000, 'hold']);
  const [alarm] = alarmsOf(environment.replace.alarms, environment.replace.prometheus);
  assert.deepEqual([alarm?.name, alarm?.above, alarm?.forMs], ['checkout', 0.5, 30_000]);
  const [target] = upkeepOf(environment).scale?.targets ?? [];
  assert.ok(target?.kind === 'metric' && target.each === 100 && target.source.kind === 'prometheus');
  assert.equal(target.source.url, 'http://prometheus.internal:9090');
});

test('with three steps and one limit, a step needs as many numbers as the page says', () => {
  const arm = { requests: 5000, errors: 0, latency: { bounds: [10], counts: [5000, 0] } };
  const source = { kind: 'http', url: 'http://127.0.0.1/', path: '$' } as const;
  const metric = { name: 'queue', source, below: 500, above: null, rise: null, drop: null };
  const metrics = { metrics: [metric], everyMs: 15_000, unreadable: 'roll-back' } as const;
  const policy = { maxErrors: null, maxSlowdown: 1.05, maxLatency: [], metrics };
  const lacking = missingFor({ canary: arm, baseline: arm, samples: {} }, policy, 3);
  assert.equal(lacking.metric?.samples, Number(/one limit, a step needs (\d+) numbers/.exec(page.replaceAll(/\s+/g, ' '))?.[1]));
});
