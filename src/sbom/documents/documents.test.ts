/** Documents against the formats' own schemas, and what no schema says: that references lead somewhere. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

import type { Digest } from '../../domain/digest.ts';
import type { Json } from '../../domain/json.ts';
import type { Package } from '../package.ts';
import { cyclonedx } from './cyclonedx.ts';
import { spdx } from './spdx.ts';
import { type DocumentSubject, timestampOf } from './subject.ts';

const SCHEMAS = join(import.meta.dirname, '../../../node_modules/@cyclonedx/cyclonedx-library/res/schema');
const layer = `sha256:${'a'.repeat(64)}` as Digest;

const found = (name: string, license: string | null, path: string, change: Partial<Package> = {}): Package => ({
  type: 'npm',
  name,
  version: '1.0.0',
  license,
  source: null,
  architecture: null,
  purl: `pkg:npm/${name.replace('@', '%40')}@1.0.0`,
  where: { path, layer },
  owner: null,
  ...change,
});

const subject: DocumentSubject = {
  digest: `sha256:${'b'.repeat(64)}` as Digest,
  name: 'web',
  created: '2026-03-01T12:00:00Z',
  toolVersion: '0.1.0',
  inventory: {
    distribution: { id: 'debian', version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12 (bookworm)' },
    packages: [
      found('libc6', null, 'var/lib/dpkg/status', {
        type: 'deb',
        purl: 'pkg:deb/debian/libc6@1.0.0?arch=amd64&distro=debian-12',
        source: { name: 'glibc', version: '2.36-9' },
        owner: 'libc6',
      }),
      found('@a/b', 'MIT OR Apache-2.0', 'app/node_modules/@a/b/package.json'),
      found('c', 'SEE LICENSE IN "LICENSE"', 'app/node_modules/c/package.json'),
      found('c', 'SEE LICENSE IN "LICENSE"', 'app/node_modules/d/node_modules/c/package.json'),
    ],
    unread: [{ path: 'app/node_modules/e/package.json', why: 'it is not valid JSON' }],
  },
};
const empty: DocumentSubject = { ...subject, created: null, inventory: { distribution: null, packages: [], unread: [] } };

const schema = (name: string): object =>
  JSON.parse(readFileSync(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;

test('CycloneDX: valid by the schema of 1.6, full or empty', () => {
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  // Formats that the library does not check, and that no value in Kiln's documents is of.
  for (const unchecked of ['idn-email', 'iri-reference']) ajv.addFormat(unchecked, true);
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const validate = ajv.compile(schema('bom-1.6'));
  for (const each of [subject, empty]) assert.ok(validate(cyclonedx(each)), JSON.stringify(validate.errors));
  assert.ok(!validate({ ...(cyclonedx(subject) as object), specVersion: 16 }));
});

interface Bom {
  readonly components: readonly { readonly 'bom-ref': string; readonly evidence?: { readonly occurrences: readonly object[] } }[];
  readonly dependencies: readonly { readonly dependsOn: readonly string[] }[];
}

test('CycloneDX: a package is named once, with every place where it is', () => {
  const bom = cyclonedx(subject) as unknown as Bom;
  const refs = bom.components.map((component) => component['bom-ref']);
  assert.equal(new Set(refs).size, refs.length);
  assert.ok(bom.dependencies[0]?.dependsOn.every((ref) => refs.includes(ref)));
  assert.deepEqual(bom.components.find((component) => component['bom-ref'] === 'pkg:npm/c@1.0.0')?.evidence?.occurrences, [
    { location: '/app/node_modules/c/package.json' },
    { location: '/app/node_modules/d/node_modules/c/package.json' },
  ]);
});

interface SpdxDocument {
  readonly documentNamespace: string;
  readonly packages: readonly { readonly SPDXID: string; readonly licenseDeclared?: string; readonly licenseComments?: string }[];
  readonly relationships: readonly { readonly spdxElementId: string; readonly relatedSpdxElement: string }[];
}

test('SPDX: identifiers are valid, unique, and lead somewhere; licenses are expressions, or not asserted', () => {
  const document = spdx(subject) as unknown as SpdxDocument;
  const ids = ['SPDXRef-DOCUMENT', ...document.packages.map((each) => each.SPDXID)];
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => /^SPDXRef-[A-Za-z0-9.-]+$/.test(id)));
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    assert.ok(ids.includes(spdxElementId) && ids.includes(relatedSpdxElement));
  }
  assert.ok(URL.canParse(document.documentNamespace) && !document.documentNamespace.includes('#'));
  assert.deepEqual(
    document.packages.map((each) => each.licenseDeclared),
    [undefined, 'NOASSERTION', 'MIT OR Apache-2.0', 'NOASSERTION'],
  );
  assert.match(document.packages[3]?.licenseComments ?? '', /SEE LICENSE IN/);
});

test('the same image gives the same bytes, and the time is its own', () => {
  for (const format of [cyclonedx, spdx] as readonly ((subject: DocumentSubject) => Json)[]) {
    assert.equal(JSON.stringify(format(subject)), JSON.stringify(format(structuredClone(subject))));
  }
  assert.equal(timestampOf('2026-03-01T13:00:00.123456789+01:00'), '2026-03-01T12:00:00Z');
  assert.deepEqual([timestampOf(undefined), timestampOf('soon')], [null, null]);
});
