import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { KilnError } from '../errors/error.ts';
import { environmentOf } from './environment.ts';
import { parseSpec } from './parse.ts';
import { strategyOf } from './strategy.ts';

const FILE = (replace: string, environment = '{ listen: 8080 }'): string =>
  `service: web\nimage: { from: scratch }\nrun: { port: 80 }\nreplace: ${replace}\nenvironments: { local: ${environment} }\n`;

function strategy(replace: string) {
  const spec = parseSpec(FILE(replace), 'kiln.yaml');
  return strategyOf(environmentOf(spec, null).replace, spec.run, 3);
}
const problem = (replace: string, environment?: string): string => {
  try {
    parseSpec(FILE(replace, environment), 'kiln.yaml');
    return '';
  } catch (error) {
    return (error as KilnError).message;
  }
};

test('canary without a word about it: three steps, compared with what serves', () => {
  assert.deepEqual(strategy('{ strategy: canary }'), {
    kind: 'canary',
    steps: [500, 2500, 5000].map((weight) => ({ weight, holdMs: 60_000 })),
    judge: { maxErrors: null, maxSlowdown: 1.05, maxLatency: [], settleMs: 10_000, waitMs: 900_000, unsure: 'roll-back' },
  });
});

test('steps and limits as people write them', () => {
  const written = `{ strategy: canary, steps: [0.5%, { weight: 25%, hold: 10m }, { weight: 50%, hold: until promoted }],
    judge: { errors: 1%, p95: 300ms, p50: 50ms, slower: any, wait: 5m, unsure: go-on } }`;
  assert.deepEqual(strategy(written), {
    kind: 'canary',
    steps: [
      { weight: 50, holdMs: 60_000 },
      { weight: 2500, holdMs: 600_000 },
      { weight: 5000, holdMs: null },
    ],
    judge: {
      maxErrors: 0.01,
      maxSlowdown: null,
      maxLatency: [
        { quantile: 0.5, ms: 50 },
        { quantile: 0.95, ms: 300 },
      ],
      settleMs: 10_000,
      waitMs: 300_000,
      unsure: 'go-on',
    },
  });
  const unjudged = strategy('{ strategy: canary, judge: off }');
  assert.equal(unjudged.kind === 'canary' ? unjudged.judge : undefined, null);
});

test('steps by count, match and mirror, and what clients are told apart by', () => {
  const written = `{ strategy: canary, sticky: cookie, steps: [{ mirror: 10%, hold: 5m }, { when: { header: X-Canary, is: "yes" } },
    { when: { cookie: staff }, instances: 2, hold: until promoted }, { instances: 1 }, 50%] }`;
  const read = strategy(written);
  assert.deepEqual(read.kind === 'canary' ? [read.steps, read.sticky] : null, [
    [
      { mirror: 1000, holdMs: 300_000 },
      { when: { in: 'header', name: 'X-Canary', is: 'yes' }, instances: 1, holdMs: 60_000 },
      { when: { in: 'cookie', name: 'staff', is: null }, instances: 2, holdMs: null },
      { instances: 1, holdMs: 60_000 },
      { weight: 5000, holdMs: 60_000 },
    ],
    { by: 'cookie' },
  ]);
  const byHeader = strategy('{ strategy: canary, sticky: { header: X-User } }');
  assert.deepEqual(byHeader.kind === 'canary' ? byHeader.sticky : null, { by: 'header', name: 'X-User' });
});

test('what makes no sense is refused, and said where', () => {
  assert.match(
    problem('{ strategy: canary, steps: [{ weight: 5%, instances: 1 }] }'),
    /steps\[0\]: expected one of weight, instances/,
  );
  assert.match(problem('{ strategy: canary, steps: [{ hold: 5m }] }'), /steps\[0\]: expected one of weight, instances/);
  assert.match(
    problem('{ strategy: canary, steps: [{ when: { is: "yes" } }] }'),
    /steps\[0\].when: expected exactly one of header, cookie/,
  );
  assert.match(
    problem('{ strategy: canary, steps: [{ when: { header: "x) if TRUE" } }] }'),
    /steps\[0\].when.header: expected a name/,
  );
  assert.match(
    problem('{ strategy: canary, steps: [{ when: { header: x, is: yes! \u00e4 } }] }'),
    /when.is: expected text of visible ASCII/,
  );
  assert.match(problem('{ strategy: canary, steps: [5%, { mirror: 10% }] }'), /replace.steps\[1\]: a mirror gets no traffic/);
  assert.match(problem('{ strategy: canary, sticky: coookie }'), /replace.sticky/);
  assert.match(problem('{ strategy: rolling, sticky: cookie }'), /replace\.sticky: only the canary strategy reads it/);
  assert.match(problem('{ strategy: canary, steps: [] }'), /replace\.steps: expected at least one step/);
  assert.match(problem('{ strategy: canary, steps: [100%] }'), /replace\.steps\[0\]/);
  assert.match(problem('{ strategy: canary, judge: { p90: 1s } }'), /replace\.judge/);
  assert.match(problem('{ strategy: rolling, steps: [5%] }'), /replace\.steps: only the canary strategy reads it/);
  assert.match(problem('{ strategy: canary, batch: 1 }'), /replace\.batch: only the rolling strategy reads it/);
  assert.match(problem('{ strategy: canary }', '{ instances: 3 }'), /canary shares out traffic, and the environment takes none/);
});
