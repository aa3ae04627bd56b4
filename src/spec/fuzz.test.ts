/** Whatever the text: a Spec that everything else can work with, or an error of ours with a place. Seeds are printed on failure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { environmentOf } from './environment.ts';
import { jsonSchema } from './json-schema.ts';
import { parseSpec } from './parse.ts';
import { recipeOf } from './recipe.ts';
import { EXAMPLE } from './reference.ts';
import { releaseContent } from './release.ts';

const IMAGE = `sha256:${'0'.repeat(64)}` as Digest;

/** Errors that a well-formed spec may still give when it meets an image or is parsed without its folder. */
const LATER = new Set(['CONFIG_INVALID', 'FILE_UNREADABLE']);

function holds(text: string): void {
  const spec = parsed(text);
  if (spec === null) return;
  recipeOf(spec, '/srv');
  for (const name of Object.keys(spec.environments)) {
    try {
      releaseContent(spec, environmentOf(spec, name), IMAGE, {}, () => ({ version: null, fingerprint: '' }));
    } catch (error) {
      assert.ok(error instanceof KilnError && LATER.has(error.code), String(error));
    }
  }
}

function parsed(text: string): ReturnType<typeof parseSpec> | null {
  const lines = text.split(/\r\n|\n|\r/).length;
  try {
    return parseSpec(text, 'kiln.yaml');
  } catch (error) {
    assert.ok(error instanceof KilnError, error instanceof Error ? error.stack : String(error));
    assert.match(error.code, /^CONFIG_(SYNTAX|INVALID)$/);
    const { line = 0, column = 0 } = error.at ?? {};
    assert.ok(line >= 1 && line <= lines && column >= 1, `${line}:${column} of ${lines} lines`);
    assert.doesNotMatch(error.message, /\n\s+at |undefined|\[object/);
    return null;
  }
}

/** Pieces that mean something to YAML or to the schema, so that random text gets somewhere. */
const SYNTAX = [
  '\n',
  '\n  ',
  '\n    ',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  ', ',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!!str ',
  '|',
  '>',
  '?',
  '%',
  '---',
];
const SCALARS = ['<<', '~', 'null', 'true', '0', '-1', '1e999', '.nan', '0644', '5%', '30s', '1GiB', '\t', '\0', '\u202e'];
const WORDS = 'service image run replace environments from files instances health volumes logs ship local web sim canary';
const TRAPS = '__proto__ constructor toString hasOwnProperty debian:bookworm scratch stage:a /tmp ../x';
const PIECES = [...SYNTAX, ...SCALARS, ...WORDS.split(' '), ...TRAPS.split(' ')];
const noise = fc.array(
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...PIECES) }, fc.string({ unit: 'binary', maxLength: 8 })),
  { maxLength: 40 },
);

test('random text', () => {
  fc.assert(
    fc.property(noise, (pieces) => holds(pieces.join(''))),
    { numRuns: 1500 },
  );
});

test('the example with pieces of it cut, doubled and replaced', () => {
  const edit = fc.record({
    at: fc.nat(EXAMPLE.length),
    cut: fc.nat(12),
    piece: fc.oneof(fc.constantFrom(...PIECES), fc.constant('')),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      holds(edits.reduce((text, { at, cut, piece }) => text.slice(0, at) + piece + text.slice(at + cut), EXAMPLE));
    }),
    { numRuns: 1500 },
  );
});

/** All keys that the schema knows anywhere. */
function keysIn(node: unknown): readonly string[] {
  if (typeof node !== 'object' || node === null) return [];
  const properties: unknown = 'properties' in node ? node.properties : {};
  return [...Object.keys(properties ?? {}), ...Object.values(node).flatMap(keysIn)];
}

test('well-formed files of known keys and arbitrary values', () => {
  const key = fc.oneof(fc.constantFrom(...new Set(keysIn(jsonSchema()))), fc.constantFrom(...PIECES));
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom(...PIECES),
      fc.constantFrom(null, true, 0, 1, -1, 0.5, 3000, 1e21),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(key, tie('any'), { maxKeys: 4 }),
    ),
  })).any;
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 5 }), value, value, (file, image, run) => {
      // JSON is YAML. Once with a recipe that passes, so that rules and releases are reached.
      holds(JSON.stringify({ service: 'web', image, run, ...file }));
      holds(JSON.stringify({ service: 'web', image: { from: 'debian:bookworm' }, run, ...file }));
    }),
    { numRuns: 1000 },
  );
});
