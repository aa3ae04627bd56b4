import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { addToManifest } from './packer-manifest.ts';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;
const NOW = Date.UTC(2026, 2, 3);

test("a manifest in Packer's form: each image adds a build, the same one none", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-manifest-'));
  try {
    const path = join(folder, 'packer-manifest.json');
    const read = (): { builds: Record<string, unknown>[]; last_run_uuid: string } =>
      JSON.parse(readFileSync(path, 'utf8')) as never;
    const build = { service: 'web', digest: digest('1'), tags: ['web:1.0'], nowMs: NOW };
    await addToManifest(path, build);
    const [first] = read().builds;
    assert.deepEqual(first, {
      name: 'web',
      builder_type: 'kiln',
      build_time: NOW / 1000,
      files: null,
      artifact_id: digest('1'),
      packer_run_uuid: read().last_run_uuid,
      custom_data: { tags: 'web:1.0' },
    });
    await addToManifest(path, build);
    assert.equal(read().builds.length, 1);
    await addToManifest(path, { ...build, digest: digest('2') });
    assert.deepEqual(read().builds[0], first);
    const last = read().builds.find((each) => each['packer_run_uuid'] === read().last_run_uuid);
    assert.equal(last?.['artifact_id'], digest('2'), "what jq and Terraform ask for: the last run's artifact");
    for (const wrong of ['', '[]', '{"builds": 1}']) {
      writeFileSync(path, wrong);
      await assert.rejects(addToManifest(path, build), { code: 'USAGE', message: /is no manifest of Packer/ });
      assert.equal(readFileSync(path, 'utf8'), wrong);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
