/** Secrets in one layer, what upper layers delete included: who pulls the image gets every layer. */
import type { Json } from '../../domain/json.ts';
import { scanLayer } from '../../oci/layer-scan.ts';
import type { Layer } from '../../oci/store.ts';
import type { GateSubject } from '../contract.ts';
import { onceForLayer } from '../layer-cache.ts';
import { fileScan } from './file-scan.ts';

/** Another with each change of what is looked for. */
export const VERSION = 'secrets-1';

/** So many are told of one layer; that there are more is told, too. */
const MOST = 500;

export interface LayerSecret {
  /** Relative, bytes as latin1. */
  readonly path: string;
  readonly line: number | null;
  readonly rule: string;
  readonly masked: string;
  readonly hint: string;
}

export interface LayerSecrets {
  readonly found: readonly LayerSecret[];
  readonly more: number;
}

export const layerSecrets = async ({ store, cacheFolder }: GateSubject, layer: Layer): Promise<LayerSecrets> =>
  (await onceForLayer(
    cacheFolder,
    VERSION,
    layer,
    async () => (await readLayer(store, layer)) as unknown as Json,
  )) as unknown as LayerSecrets;

async function readLayer(store: GateSubject['store'], layer: Layer): Promise<LayerSecrets> {
  const found: LayerSecret[] = [];
  let more = 0;
  await scanLayer(store, layer, {
    entry({ path, kind }) {
      if (kind !== 'file') return null;
      return fileScan(path, ({ rule, masked, hint }, line) => {
        if (found.length < MOST) found.push({ path, line, rule, masked, hint });
        else more += 1;
      });
    },
  });
  return { found, more };
}
