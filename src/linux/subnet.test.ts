import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import {
  addressOf,
  chooseSubnet,
  FIRST_INDEX,
  gatewayOf,
  isFree,
  LAST_INDEX,
  parseBlock,
  subnetText,
  type Block,
} from './subnet.ts';

const block = (text: string): Block => {
  const parsed = parseBlock(text);
  assert.ok(parsed !== null);
  return parsed;
};

test('the subnet chosen is inside 10.64.0.0/10 and overlaps nothing in use', () => {
  const used = fc.array(fc.record({ base: fc.integer({ min: 0, max: 2 ** 32 - 1 }), bits: fc.integer({ min: 11, max: 32 }) }));
  fc.assert(
    fc.property(fc.string(), used, (home, blocks) => {
      const subnet = chooseSubnet(home, blocks);
      if (subnet === null) return;
      assert.ok(isFree(subnet, blocks));
      assert.ok(!isFree(subnet, [block('10.64.0.0/10')]));
      assert.equal(subnet.base % 4096, 0);
    }),
  );
});

test('where all of it is in use, there is none', () => {
  assert.equal(chooseSubnet('a', [block('10.0.0.0/8')]), null);
  assert.equal(chooseSubnet('a', [block('10.64.0.0/11'), block('10.96.0.0/11')]), null);
});

test('a home wants the same subnet again', () => {
  assert.deepEqual(chooseSubnet('abcdef', []), chooseSubnet('abcdef', []));
});

test('addresses stay within the subnet, and are neither its name, its bridge nor its broadcast', () => {
  const subnet = block('10.64.16.0/20');
  assert.equal(subnetText(subnet), '10.64.16.0/20');
  assert.equal(gatewayOf(subnet), '10.64.16.1');
  assert.equal(addressOf(subnet, FIRST_INDEX), '10.64.16.2');
  assert.equal(addressOf(subnet, LAST_INDEX), '10.64.31.254');
});

test('what is no IPv4 block is none', () => {
  for (const text of ['default', 'fe80::/64', '10.0.0', '']) assert.equal(parseBlock(text), null);
});
