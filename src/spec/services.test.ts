import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { KilnError } from '../errors/error.ts';
import { loadServices, loadSpec } from './load.ts';
import { parse, parseSpec } from './parse.ts';
import { recipeOf } from './recipe.ts';
import { wavesOf } from './services.ts';

const SHOP = `services:
  web:
    image: { from: scratch, entrypoint: [/web] }
    depends-on: [api]
    replace: { strategy: blue-green }
    environments: { local: { listen: 8080 } }
  database:
    image: { from: scratch, entrypoint: [/db] }
    run: { volumes: { data: { path: /data, single-writer: true } } }
  api:
    image: { dockerfile: Dockerfile.api }
    depends-on: [database]
`;

const refusal = (text: string): string => {
  try {
    parse(text, 'kiln.yaml');
  } catch (error) {
    if (error instanceof KilnError) return error.message;
    throw error;
  }
  return 'accepted';
};

const dependent = (depends: string): string => `services:
  a: { image: { from: scratch }, depends-on: ${depends} }
  b: { image: { from: scratch }, depends-on: [c] }
  c:
    image: { from: scratch }
`;

test('each service of a file is what a file of its own would be, but for its name and its lock', () => {
  const services = parse(SHOP, 'kiln.yaml');
  assert.deepEqual(
    services.map(({ spec, dependsOn }) => [spec.service, dependsOn]),
    [
      ['web', ['api']],
      ['database', []],
      ['api', ['database']],
    ],
  );
  const [web] = services;
  const alone = parseSpec(
    'service: web\nimage: { from: scratch, entrypoint: [/web] }\nreplace: { strategy: blue-green }\nenvironments: { local: { listen: 8080 } }\n',
    'kiln.yaml',
  );
  assert.deepEqual({ ...web?.spec, lock: undefined }, { ...alone, lock: undefined });
  assert.deepEqual(
    services.map(({ spec }) => recipeOf(spec, '/srv').lock),
    ['kiln.web.lock', 'kiln.database.lock', 'kiln.api.lock'],
  );
  assert.equal('lock' in recipeOf(alone, '/srv'), false);
});

test('what is wrong is said with line and column', () => {
  assert.match(
    refusal(dependent('[d]')),
    /^kiln\.yaml:2:\d+: services\.a\.depends-on\[0\]: this file has no service "d"; it has a, b, c$/,
  );
  assert.match(refusal(SHOP.replace('[api]', '[apj]')), /^kiln\.yaml:4:18: .*did you mean "api"\?$/);
  assert.match(refusal(dependent('[a]')), /a service cannot wait for itself/);
  const cycle = dependent('[b]').replace('  c:\n', '  c:\n    depends-on: [a]\n');
  assert.match(refusal(cycle), /^kiln\.yaml:2:\d+: services\.a\.depends-on: these wait for each other: a → b → c → a$/);
  assert.match(refusal(`service: web\n${SHOP}`), /^kiln\.yaml:1:1: service: does not go together with the other keys here$/);
  assert.match(refusal(SHOP.replace('depends-on: [api]', 'depend-on: [api]')), /:4:5: .*did you mean "depends-on"\?/);
  assert.match(
    refusal(SHOP.replace('strategy: blue-green', 'strategy: canary, steps: [150%]')),
    /^kiln\.yaml:5:.*services\.web\.replace/,
  );
  const twice = SHOP.replace(
    'image: { dockerfile: Dockerfile.api }',
    '$&\n    environments: { local: { listen: "127.0.0.1:8080" } }',
  );
  assert.match(refusal(twice), /^kiln\.yaml:12:38: services\.api\.environments\.local\.listen: "web" listens there too$/);
  assert.match(refusal('services: {}\n'), /expected at least one service/);
});

test('waves: all that a service waits for is in an earlier one, and none comes later than it has to', () => {
  assert.deepEqual(wavesOf(parse(SHOP, 'kiln.yaml').map(({ spec, dependsOn }) => ({ name: spec.service, dependsOn }))), [
    ['database'],
    ['api'],
    ['web'],
  ]);
  const graphs = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 }).map((edges) =>
    edges.map((targets, index) => ({
      name: `s${index}`,
      dependsOn: index === 0 ? [] : [...new Set(targets.map((target) => `s${target % index}`))],
    })),
  );
  fc.assert(
    fc.property(graphs, (services) => {
      const waves = wavesOf(services);
      const waveOf = (name: string): number => waves.findIndex((wave) => wave.includes(name));
      for (const { name, dependsOn } of services) {
        assert.equal(waveOf(name), Math.max(-1, ...dependsOn.map(waveOf)) + 1);
      }
      assert.equal(waves.flat().length, services.length);
    }),
  );
});

test('one service of the file is loaded by its name; without one, only where there is one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-services-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'kiln.yaml'), SHOP);
  assert.equal((await loadSpec(folder, 'api')).service, 'api');
  assert.equal((await loadServices(folder)).length, 3);
  await assert.rejects(loadSpec(folder), { code: 'USAGE', message: /web, database, api/ });
  await assert.rejects(loadSpec(folder, 'wep'), { code: 'NOT_FOUND', hint: /web/ });
  writeFileSync(join(folder, 'kiln.yaml'), 'services: { solo: { image: { from: scratch } } }\n');
  assert.equal((await loadSpec(folder)).service, 'solo');
});
