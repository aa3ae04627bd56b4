/** Values at rest: a file for each in KILN_HOME/sealed, named by its fingerprint, which opens only with the key. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { jsonOf } from '../oci/http.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import type { SealingKey } from './sealing-key.ts';

const form = z.object({
  cipher: z.literal('aes-256-gcm'),
  key: z.string(),
  nonce: z.base64(),
  tag: z.base64(),
  data: z.base64(),
});

/** Why a value can't be had from here. */
export type Missing = 'gone' | 'damaged' | 'of another key';

export class SealedValues {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Durable when it returns. Free where it is there already and opens. */
  async put(key: SealingKey, fingerprint: string, value: Uint8Array): Promise<void> {
    if (typeof (await this.get(key, fingerprint)) !== 'string') return;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(this.#folder, fingerprint), JSON.stringify(key.seal(fingerprint, value)), 0o600);
  }

  async get(key: SealingKey, fingerprint: string): Promise<Buffer | Missing> {
    const text = await readIfThere(join(this.#folder, fingerprint));
    if (text === null) return 'gone';
    const sealed = form.safeParse(jsonOf(Buffer.from(text)));
    if (!sealed.success) return 'damaged';
    if (sealed.data.key !== key.id) return 'of another key';
    return key.open(fingerprint, sealed.data) ?? 'damaged';
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#names()).length === 0;
  }

  /** Those that are not among the fingerprints, and what a crash left half written. */
  async besides(kept: ReadonlySet<string>): Promise<readonly string[]> {
    return (await this.#names()).filter((name) => !kept.has(name));
  }

  async remove(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  async #names(): Promise<readonly string[]> {
    return readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }
}
