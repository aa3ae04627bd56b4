import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PatchPlanBody } from '../../client/client.ts';
import type { Digest } from '../../domain/digest.ts';
import type { Terminal } from '../terminal.ts';
import { headLines } from './patch.ts';

const image = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const terminal: Terminal = {
  live: false,
  columns: 200,
  rows: 50,
  paint: (_, text) => text,
  write: () => {},
  complain: () => {},
};
const plan = (unjudged: PatchPlanBody['unjudged']): PatchPlanBody => ({
  cve: 'CVE-1',
  images: [],
  steps: [],
  fleets: [],
  left: [],
  harmless: [],
  doubts: [],
  unjudged,
});

test('what can not be judged for the same reason is one line, whatever digests the reasons name', () => {
  const dozen = 'abcdef012345'.split('').map((letter) => ({ image: image(letter), why: `blob ${image(letter)} is damaged` }));
  const other = { image: image('9'), why: 'var/lib/dpkg/status: cut short' };
  const lines = headLines(plan([...dozen, other]), terminal);
  assert.deepEqual(lines, [
    'CVE-1: no image here has it.',
    "  ● 12 images can't be judged (aaaaaaaa, bbbbbbbb, cccccccc, …): blob … is damaged",
    "  ● image 99999999 can't be judged: var/lib/dpkg/status: cut short",
  ]);
});
