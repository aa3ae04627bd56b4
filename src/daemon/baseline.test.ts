/** What a bake's vulnerabilities are new against, over the API, on a faked machine. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { CRITICAL, osv } from '../vulnerabilities/testing/records.ts';
import { running, type Running } from './testing/running.ts';

interface Service extends Running {
  /** The verdict of a bake with this content and this version of lodash. */
  readonly bake: (content: string, lodash: string, channel?: string) => Promise<string>;
  /** `null`: none. */
  readonly waive: (until: string | null) => void;
}

/** lodash is harmful before 5.0.0. */
async function service(t: TestContext): Promise<Service> {
  const all = await running(t);
  const { client, folder, home, world } = all;
  mkdirSync(join(home.root, 'vulnerabilities'));
  const record = osv('CVE-2026-1', 'npm', 'lodash', '5.0.0', { severity: CRITICAL });
  writeFileSync(join(home.root, 'vulnerabilities', 'lodash.json'), JSON.stringify(record));
  const waivers = join(folder, 'kiln.waivers.yaml');
  return {
    ...all,
    async bake(content, lodash, channel) {
      world.content = content;
      world.lodash = lodash;
      const { verdict } = await client.bake({ folder, ...(channel === undefined ? {} : { channel }) }).result();
      return verdict;
    },
    waive(until) {
      if (until === null) rmSync(waivers);
      else writeFileSync(waivers, `- { finding: CVE-2026-1, reason: accepted by ada, until: ${until} }\n`);
    },
  };
}

const [YESTERDAY, FAR] = ['2020-01-01', '2999-01-01'];

test('new is what the channel does not hold, whatever else is published', async (t) => {
  const { bake, waive } = await service(t);
  assert.equal(await bake('one', '5.0.0', 'dev'), 'pass');
  waive(FAR);
  assert.equal(await bake('two', '4.0.0'), 'pass', 'published under a tag, and held by no channel');
  waive(null);
  assert.equal(await bake('three', '4.0.0', 'dev'), 'fail');
  assert.equal(await bake('three', '4.0.0'), 'fail', 'no channel is named: that of the service counts');
});

test('a waiver that has ended is no leave, though the image that it let in is published', async (t) => {
  const { bake, waive } = await service(t);
  waive(FAR);
  assert.equal(await bake('one', '4.0.0', 'dev'), 'pass');
  assert.equal(await bake('two', '4.0.0', 'dev'), 'pass');
  waive(YESTERDAY);
  assert.equal(await bake('three', '4.0.0', 'dev'), 'fail');
  waive(null);
  assert.equal(await bake('three', '4.0.0', 'dev'), 'fail', 'nor is taking its line out');
  assert.equal(await bake('four', '5.0.0', 'dev'), 'pass');
});

test('what became known after an image was published keeps nobody from going on', async (t) => {
  const { bake, home } = await service(t);
  const data = join(home.root, 'vulnerabilities', 'lodash.json');
  const other = osv('CVE-2026-2', 'npm', 'other', '5.0.0', { severity: CRITICAL });
  writeFileSync(data, JSON.stringify(other));
  assert.equal(await bake('one', '4.0.0', 'dev'), 'pass');
  writeFileSync(data, JSON.stringify([other, osv('CVE-2026-1', 'npm', 'lodash', '5.0.0', { severity: CRITICAL })]));
  assert.equal(await bake('two', '4.0.0', 'dev'), 'pass');
});
