/**
 * The step cache: key → layer, one small file each under home.bake/steps. The key covers everything that a step's outcome
 * depends on, so an entry is never wrong, only unused; one whose blob is gone from
 * the store, or cut short there, is a miss.
 */
import { join } from 'node:path';

import { hexOf, type Digest } from '../domain/digest.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { readIfThere, writeCacheFile } from '../platform/files.ts';
import { sha256 } from '../platform/hash.ts';
import type { Home } from '../platform/home.ts';
import type { Outcome } from './contract.ts';

/** To be raised when a step's outcome changes for the same inputs: old entries are then never asked for again. */
const KEY_VERSION = 3;

/** `inputs`: any JSON. The same inputs, whatever the order of their members, give the same key. */
export const bakeKey = (kind: string, inputs: unknown): Digest => sha256(canonicalJson([KEY_VERSION, kind, inputs]));

/** What a chain of layers is known by: two roots with the same chain hold the same files. */
export const chainOf = (layers: readonly Layer[]): Digest => sha256(canonicalJson(layers.map((layer) => layer.diffId)));

export interface StepCache {
  /** Null: a miss. */
  find(key: Digest): Promise<Outcome | null>;
  keep(key: Digest, outcome: Outcome): Promise<void>;
  /** Something small that follows from the key, found out once. */
  fact<T extends Json>(key: Digest, find: () => Promise<T>): Promise<T>;
  findImage(key: Digest): Promise<Digest | null>;
  keepImage(key: Digest, image: Digest): Promise<void>;
  /** Whether the image and all of its layers are in the store. */
  isWhole(image: Digest): Promise<boolean>;
}

export function openStepCache(home: Home, store: ImageStore): StepCache {
  const stepFile = (key: Digest): string => join(home.bake, 'steps', `${hexOf(key)}.json`);
  const imageFile = (key: Digest): string => join(home.bake, 'images', `${hexOf(key)}.json`);
  return {
    find: async (key) => {
      const entry = await readJson<Outcome>(stepFile(key));
      if (entry === null || entry.layer === null) return entry;
      const { digest, size } = entry.layer.descriptor;
      return (await store.hasBlob(digest, size)) ? entry : null;
    },
    keep: (key, outcome) => writeCacheFile(stepFile(key), JSON.stringify(outcome)),
    fact: async <T extends Json>(key: Digest, find: () => Promise<T>): Promise<T> => {
      const file = join(home.bake, 'facts', `${hexOf(key)}.json`);
      const known = await readJson<{ fact: T }>(file);
      if (known !== null) return known.fact;
      const fact = await find();
      await writeCacheFile(file, JSON.stringify({ fact }));
      return fact;
    },
    findImage: async (key) => {
      const entry = await readJson<{ image: Digest }>(imageFile(key));
      return entry !== null && (await isWhole(store, entry.image)) ? entry.image : null;
    },
    isWhole: (image) => isWhole(store, image),
    keepImage: (key, image) => writeCacheFile(imageFile(key), JSON.stringify({ image })),
  };
}

async function isWhole(store: ImageStore, digest: Digest): Promise<boolean> {
  try {
    const image = await store.image(digest);
    const there = await Promise.all(image.layers.map((layer) => store.hasBlob(layer.descriptor.digest)));
    return there.every(Boolean);
  } catch {
    return false;
  }
}

/** An entry that can't be read counts as none: the step is done again and the entry replaced. */
async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse((await readIfThere(path)) ?? 'null') as T | null;
  } catch {
    return null;
  }
}
