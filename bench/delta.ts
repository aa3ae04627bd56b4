/**
 * What a pull from `kiln serve` moves between two neighbours, for several kinds of change: the bytes that are changed, those on
 * the wire in both directions (heads of requests included), and the time over a slow line, beside the whole layer.
 *   node bench/delta.ts [KILOBYTES A SECOND, 1000]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Digest } from '../src/domain/digest.ts';
import { writeLayer } from '../src/oci/layer-writer.ts';
import { openImageStore } from '../src/oci/layout.ts';
import { pullImage } from '../src/oci/pull.ts';
import type { ImageStore } from '../src/oci/store.ts';
import { CHANGES, type Files, filesBefore } from '../src/oci/testing/changes.ts';
import { configOf, fileEntry } from '../src/oci/testing/images.ts';
import { openWire } from '../src/oci/testing/wire.ts';
import { serveStore } from '../src/registry/server/server.ts';

const BYTES_PER_SECOND = Number(process.argv[2] ?? 1000) * 1000;

async function putImage(store: ImageStore, files: Files): Promise<{ readonly digest: Digest; readonly layerBytes: number }> {
  const entries = [...files].map(([path, content]) => fileEntry(path, content));
  const layer = await writeLayer(store, entries, { epochSeconds: 0 });
  const config = { ...configOf([layer]), history: [{ created_by: 'kiln: image: files' }] };
  return { digest: await store.putImage(config, [layer], {}), layerBytes: layer.descriptor.size };
}

interface Row {
  readonly change: string;
  readonly changed: number;
  readonly wire: number;
  readonly 'wire / changed': string;
  readonly seconds: string;
  readonly 'layer, as stored': number;
}

async function measured(root: string, change: string, edit: (files: Files) => number): Promise<Row> {
  const [from, to] = [await openImageStore(join(root, 'from')), await openImageStore(join(root, 'to'))];
  const options = { host: '127.0.0.1', port: 0, tls: null, onRequest: () => {}, isOffered: async () => true };
  const server = await serveStore(from, options);
  const pull = async (image: Digest, bytesPerSecond?: number): Promise<{ wire: number; seconds: number }> => {
    await using wire = await openWire(server.port, bytesPerSecond);
    const before = performance.now();
    await pullImage(`${wire.host}/bench@${image}`, to, { credentials: () => Promise.resolve(null) });
    return { wire: wire.bytes, seconds: (performance.now() - before) / 1000 };
  };
  try {
    const files = await filesBefore();
    await pull((await putImage(from, files)).digest);
    const changed = edit(files);
    const { digest, layerBytes } = await putImage(from, files);
    const { wire, seconds } = await pull(digest, BYTES_PER_SECOND);
    const ratio = (wire / changed).toFixed(2);
    return { change, changed, wire, 'wire / changed': ratio, seconds: seconds.toFixed(1), 'layer, as stored': layerBytes };
  } finally {
    await server.close();
  }
}

const rows: Row[] = [];
for (const [change, edit] of Object.entries(CHANGES)) {
  const root = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
  try {
    rows.push(await measured(root, change, edit));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
console.table(rows);
