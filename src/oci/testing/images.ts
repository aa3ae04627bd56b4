/** Small images and folders for tests. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Digest } from '../../domain/digest.ts';
import { type LayerEntry, writeLayer } from '../layer-writer.ts';
import { openImageStore } from '../layout.ts';
import type { ImageConfig, ImageStore, Layer } from '../store.ts';

export interface TestFolder extends AsyncDisposable {
  readonly path: string;
}

export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'kiln-oci-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export const fileEntry = (path: string, content: string | Uint8Array): LayerEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  uid: 0,
  gid: 0,
  content: typeof content === 'string' ? Buffer.from(content) : content,
});

export const configOf = (layers: readonly Layer[]): ImageConfig => ({
  architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
  os: 'linux',
  config: { Env: ['PATH=/usr/bin:/bin'], Entrypoint: ['/hello'] },
  rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
});

/** An image with one layer for each list of entries. */
export async function putTestImage(store: ImageStore, contents: readonly (readonly LayerEntry[])[]): Promise<Digest> {
  const layers: Layer[] = [];
  for (const entries of contents) layers.push(await writeLayer(store, entries, { epochSeconds: 1_000_000_000 }));
  return store.putImage(configOf(layers), layers, {});
}

export async function withStore(use: (store: ImageStore, folder: string) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  await use(await openImageStore(folder.path), folder.path);
}

export const HOUR = 3_600_000;

/** Everything in the layout, as if it had come an hour ago. */
export async function age(layout: string): Promise<void> {
  const then = new Date(Date.now() - HOUR);
  const blobs = join(layout, 'blobs', 'sha256');
  for (const name of await readdir(blobs)) await utimes(join(blobs, name), then, then);
}
