import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { KilnError } from '../errors/error.ts';
import { alarmsOf, metricsOf } from './metrics.ts';
import { parseSpec } from './parse.ts';

const file = (replace: string): string =>
  `service: web\nimage: { from: scratch }\nrun: { port: 80 }\nreplace: ${replace}\nenvironments: { local: { listen: 8080 } }\n`;
const replaceOf = (replace: string) => parseSpec(file(replace), 'kiln.yaml').replace;
function refused(replace: string, words: RegExp): void {
  assert.throws(
    () => replaceOf(replace),
    (error: KilnError) => words.test(error.message),
  );
}
const withMetric = (metric: string): string => `{ strategy: canary, judge: { metrics: { queue: ${metric} } } }`;

test('metrics are in the order of their names, whatever the order in the file', () => {
  const { judge, prometheus } = replaceOf(
    '{ strategy: canary, judge: { metrics: { b: { http: "http://h/x", below: 5 }, a: { prometheus: up, drop: 10% } } } }',
  );
  assert.ok(judge !== undefined && judge !== 'off');
  assert.deepEqual(metricsOf(judge.metrics, prometheus), [
    {
      name: 'a',
      source: { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'up' },
      below: null,
      above: null,
      rise: null,
      drop: 0.1,
    },
    { name: 'b', source: { kind: 'http', url: 'http://h/x', path: '$' }, below: 5, above: null, rise: null, drop: null },
  ]);
});

test('an alarm has a source, one bound, and a time', () => {
  const { alarms, prometheus } = replaceOf('{ alarms: { lag: { command: [lag, $release], path: $.s, above: -1.5, for: 30s } } }');
  assert.deepEqual(alarmsOf(alarms, prometheus), [
    {
      name: 'lag',
      source: { kind: 'command', command: ['lag', '$release'], path: '$.s' },
      above: -1.5,
      below: null,
      forMs: 30_000,
    },
  ]);
});

test('what says nothing, or too much, is refused with what would be right', () => {
  refused(withMetric('{ below: 5 }'), /exactly one of prometheus, http, command/);
  refused(withMetric('{ prometheus: up, http: "http://h", below: 5 }'), /exactly one of prometheus, http, command/);
  refused(withMetric('{ prometheus: up }'), /says nothing about the release; add below, above, rise, drop/);
  refused(withMetric('{ prometheus: up, path: $.x, below: 5 }'), /leave path out/);
  refused(withMetric('{ http: "http://h", path: $..x, below: 5 }'), /a path to one value/);
  refused(withMetric('{ http: "ftp://h", below: 5 }'), /http or https address/);
  refused(withMetric('{ http: "http://me:word@h", below: 5 }'), /without a user or password/);
  refused(withMetric('{ prometheus: up, rise: 2 }'), /a percentage such as 20%/);
  refused('{ alarms: { lag: { prometheus: up, above: 1, below: 2 } } }', /exactly one of above, below/);
  refused('{ alarms: { lag: { prometheus: up, above: many } } }', /expected a number/);
});
