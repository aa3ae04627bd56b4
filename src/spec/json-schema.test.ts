/** What editors and readers get of the schema. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formsOf, jsonSchema, keysAt, type SchemaNode } from './json-schema.ts';
import { referenceMarkdown } from './reference.ts';

/** Every key of the schema with its path. */
function keysOf(node: SchemaNode, path: string): readonly (readonly [string, SchemaNode])[] {
  return formsOf(node).flatMap((form) => {
    const members = Object.entries(form.properties ?? {}).map(([key, member]) => [`${path}.${key}`, member] as const);
    const inner = [form.items, form.additionalProperties].filter((part) => typeof part === 'object');
    return [
      ...members,
      ...members.flatMap(([label, member]) => keysOf(member, label)),
      ...inner.flatMap((part) => keysOf(part, `${path}[]`)),
    ];
  });
}

test('every key has a description', () => {
  const mute = keysOf(jsonSchema(), '').filter(([, node]) => node.description === undefined);
  assert.deepEqual(
    mute.map(([path]) => path),
    [],
  );
});

test('every map of fixed keys refuses others', () => {
  const open = keysOf(jsonSchema(), '').filter(([, node]) =>
    formsOf(node).some((form) => form.properties !== undefined && form.additionalProperties !== false),
  );
  assert.deepEqual(
    open.map(([path]) => path),
    [],
  );
});

test('every key is in the reference', () => {
  const reference = referenceMarkdown();
  for (const [path] of keysOf(jsonSchema(), '')) assert.ok(reference.includes(`| \`${path.split('.').at(-1)}\` |`), path);
});

test('defaults are in the schema as a person writes them', () => {
  const health = keysOf(jsonSchema(), '').filter(([path]) => path.startsWith('.run.health.'));
  const defaults = health.filter(([, node]) => node.default !== undefined).map(([path, node]) => [path, node.default]);
  assert.deepEqual(Object.fromEntries(defaults), {
    '.run.health.every': '1s',
    '.run.health.timeout': '1s',
    '.run.health.fall': 3,
    '.run.health.deadline': '30s',
  });
});

test('the keys at a path, through maps, lists and forms', () => {
  assert.deepEqual(keysAt(jsonSchema(), ['image', 'files', 0]), ['from', 'path', 'to', 'owner', 'mode']);
  assert.deepEqual(keysAt(jsonSchema(), ['environments', 'any', 'limits']), ['memory', 'cpus', 'pids']);
  assert.deepEqual(keysAt(jsonSchema(), ['run', 'env']), []);
  assert.deepEqual(keysAt(jsonSchema(), ['toString', 0]), []);
});
