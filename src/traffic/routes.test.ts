import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { array, assert as holds, integer, property, uniqueArray } from 'fast-check';

import type { GroupId } from '../domain/ids.ts';
import type { RoutedGroup } from '../engines/engine.ts';
import { mapText, parseMap } from './map.ts';
import { doorsOf, rangesOf, weightsOf } from './routes.ts';
import { ALL_BASIS_POINTS, place, validate, type RoutedFleet } from './slots.ts';
import { HEALTH, fleetOfService, routed } from './testing/world.ts';

const fleet = fleetOfService('web');
const tableOf = (groups: readonly RoutedGroup[]): RoutedFleet['table'] => ({
  fleet,
  listen: { host: '127.0.0.1', port: 8080 },
  preview: null,
  canary: null,
  health: HEALTH,
  groups,
});

/** Tables with a sum of 10,000 over distinct releases. */
const tables = uniqueArray(integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }).chain((releases) =>
  array(integer({ min: 0, max: ALL_BASIS_POINTS }), { minLength: releases.length - 1, maxLength: releases.length - 1 }).map(
    (cuts) => {
      const bounds = [0, ...cuts.toSorted((a, b) => a - b), ALL_BASIS_POINTS];
      return tableOf(
        releases.map((release, index) => routed(fleet, release, (bounds[index + 1] ?? 0) - (bounds[index] ?? 0), [])),
      );
    },
  ),
);

describe('the split', () => {
  test('every number below 10,000 leads to exactly one group, each group to as many as its weight', () => {
    holds(
      property(tables, (table) => {
        validate(table);
        const placed = place(undefined, table);
        const ranges = doorsOf(placed).flatMap((door) => rangesOf(door, placed));
        let next = 0;
        for (const { from, to } of ranges) {
          assert.equal(from, next);
          assert.ok(to >= from);
          next = to + 1;
        }
        assert.equal(next, ALL_BASIS_POINTS);
        const weights = Object.fromEntries(
          table.groups.filter((each) => each.weight > 0).map((each) => [each.group, each.weight]),
        );
        assert.deepEqual(weightsOf(ranges), weights);
      }),
    );
  });

  test('what HAProxy prints of a map is read back as it was written', () => {
    holds(
      property(tables, (table) => {
        const placed = place(undefined, table);
        const ranges = doorsOf(placed).flatMap((door) => rangesOf(door, placed));
        const printed = mapText(ranges).replaceAll(/^(?=.)/gm, '0x55d0a1b2c3d0 ');
        assert.deepEqual(parseMap(`${printed}\n`), ranges);
      }),
    );
  });

  test('a group keeps its slot for as long as it is in the table, and no slot holds two', () => {
    holds(
      property(array(tables, { minLength: 2, maxLength: 6 }), (sequence) => {
        let before: RoutedFleet | undefined;
        for (const table of sequence) {
          const placed = place(before, table);
          for (const { group } of table.groups) {
            assert.equal(placed.slots.filter((each) => each === group).length, 1);
            const slot = before?.slots.indexOf(group) ?? -1;
            if (slot >= 0) assert.equal(placed.slots.indexOf(group), slot);
          }
          assert.equal(placed.slots.filter((each) => each !== null).length, table.groups.length);
          before = placed;
        }
      }),
    );
  });

  test('a table that is no routing is refused', () => {
    const group = routed(fleet, 1, ALL_BASIS_POINTS, []);
    const bad: readonly (readonly RoutedGroup[])[] = [
      [{ ...group, weight: 9_999 }],
      [group, group],
      [{ ...group, weight: 0.5 }, routed(fleet, 2, 9_999.5, [])],
      [{ ...group, group: 'web.local.r1|x' as GroupId }],
      [routed(fleetOfService('other'), 1, ALL_BASIS_POINTS, [])],
    ];
    for (const groups of bad) assert.throws(() => validate(tableOf(groups)), RangeError);
    const preview = { listen: { host: '127.0.0.1', port: 1 }, group: group.group };
    assert.throws(() => validate({ ...tableOf([]), preview }), RangeError);
    assert.throws(() => validate({ ...tableOf([]), listen: { host: 'localhost;', port: 80 } }), { code: 'CONFIG_INVALID' });
    assert.throws(() => validate({ ...tableOf([]), listen: { host: '::', port: 0 } }), { code: 'CONFIG_INVALID' });
  });
});
