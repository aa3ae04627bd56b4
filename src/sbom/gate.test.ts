import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { runGates } from '../gates/run.ts';
import { subjectOf } from '../gates/testing/subject.ts';
import type { LayerEntry } from '../oci/layer-writer.ts';
import { openImageStore } from '../oci/layout.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { systemClock } from '../platform/clock.ts';
import { sbomGate } from './gate.ts';

async function judged(entries: readonly LayerEntry[]) {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'images'));
  const image = await store.image(await putTestImage(store, [entries]));
  const subject = subjectOf({ store, image, cacheFolder: folder.path });
  const { reports } = await runGates([sbomGate], subject, { clock: systemClock, onEvent: () => {} });
  return reports[0];
}

test('the inventory is kept as a CycloneDX statement', async () => {
  const report = await judged([fileEntry('node_modules/a/package.json', '{"name":"a","version":"1.0.0"}')]);
  assert.deepEqual([report?.verdict, report?.why, report?.findings], ['pass', '1 package: 1 npm', []]);
  assert.equal(report?.predicates[0]?.type, 'https://cyclonedx.org/bom');
  assert.match(JSON.stringify(report?.predicates[0]?.content), /pkg:npm\/a@1\.0\.0/);
});

test('an image whose package database is broken is published for nobody; a broken manifest is only told', async () => {
  const broken = await judged([fileEntry('var/lib/dpkg/status', 'Package: a\nVersion: \u001b[2J\n')]);
  assert.deepEqual([broken?.verdict, broken?.findings[0]?.rule], ['fail', 'package-database-unread']);
  const told = await judged([fileEntry('node_modules/a/package.json', '{')]);
  assert.deepEqual([told?.verdict, told?.findings[0]?.rule], ['pass', 'package-unread']);
});
