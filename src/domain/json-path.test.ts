import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parsePath, valueAt } from './json-path.ts';

const at = (document: unknown, path: string): unknown => valueAt(document, parsePath(path) ?? assert.fail(`no path: ${path}`));

test('a path leads to one value', () => {
  const document = { data: { rates: [1, 2, 3], 'error rate': 0.5, "it's": 7, größe: 8 } };
  assert.equal(at(document, '$.data.rates[1]'), 2);
  assert.equal(at(document, '$.data.rates[-1]'), 3);
  assert.equal(at(document, "$.data['error rate']"), 0.5);
  assert.equal(at(document, '$["data"]["error rate"]'), 0.5);
  assert.equal(at(document, "$.data['it\\'s']"), 7);
  assert.equal(at(document, '$.data.größe'), 8);
  assert.equal(at(5, '$'), 5);
});

test('where nothing is there, nothing is found: not what every object inherits either', () => {
  assert.equal(at({ a: [1] }, '$.a.length'), undefined);
  assert.equal(at({}, '$.constructor'), undefined);
  assert.equal(at({ a: 'text' }, '$.a[0]'), undefined);
  assert.equal(at(null, '$.a.b'), undefined);
});

test('what could give several values, or is no path, is refused', () => {
  for (const path of ['', 'a', '.a', '$..a', '$.*', '$[*]', '$[0:2]', '$[?@.a]', '$.a b', '$.', '$[', "$['a]", '$.0'])
    assert.equal(parsePath(path), null, path);
});
