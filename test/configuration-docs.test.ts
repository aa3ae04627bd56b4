/** What docs/configuration.md shows as a file is one. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { readSources, sourcesPath } from '../src/config/settings.ts';
import { configHome } from '../src/config/testing/homes.ts';
import { environmentOf } from '../src/spec/environment.ts';
import { parseSpec } from '../src/spec/parse.ts';
import { referencesOf } from '../src/spec/references.ts';

const text = await readFile(join(import.meta.dirname, '../docs/configuration.md'), 'utf8');
const files = [...text.matchAll(/```yaml\n# (\S+)\n([^]*?)```/g)].map(([, name = '', content = '']) => ({ name, content }));

test('kiln.yaml: every kind of reference in it is one', () => {
  const example = files.find(({ name }) => name === 'kiln.yaml');
  const spec = parseSpec(example?.content ?? '', 'configuration.md');
  const from = (environment: string) => referencesOf(environmentOf(spec, environment).run).map((reference) => reference.from);
  assert.ok(from('local').includes('env://DATABASE_URL'));
  assert.ok(from('production').includes('etcd://prod/web/database-url'));
  assert.equal(from('production').length, 4);
});

test('sources.yaml: every key in it is known', async () => {
  await using here = await configHome();
  const example = files.find(({ name }) => name === 'sources.yaml');
  await writeFile(sourcesPath(here.home.root), example?.content ?? '');
  const { etcd, consul, vault, aws, files: folders, 'secrets-key': key } = await readSources(here.home.root);
  assert.ok(etcd && consul && vault && aws && folders.length === 1 && key);
});
