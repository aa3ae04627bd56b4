/** What layers hold, files and packages in one reading, kept by their content: a layer is read once, whatever asks for it. */
import { keptLayerFiles, type LayerFiles, filesReader } from '../gates/layer-files.ts';
import { scanLayer, together } from '../oci/layer-scan.ts';
import { inParallel } from '../oci/parallel.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { keptFacts } from '../sbom/inventory.ts';
import { factsReader, type LayerFacts } from '../sbom/layer-facts.ts';

export interface LayerContents {
  readonly diffId: Layer['diffId'];
  readonly files: LayerFiles;
  readonly facts: LayerFacts;
}

/** Decompression has threads of its own: two layers at a time keep two processors busy. */
const AT_A_TIME = 2;

export class LayerReader {
  readonly #store: Pick<ImageStore, 'openLayer'>;
  readonly #cacheFolder: string;
  readonly #read = new Map<Layer['diffId'], LayerContents>();

  constructor(store: Pick<ImageStore, 'openLayer'>, cacheFolder: string) {
    this.#store = store;
    this.#cacheFolder = cacheFolder;
  }

  /** In the order of the layers. Throws as `scanLayer`. */
  async read(layers: readonly Layer[]): Promise<readonly LayerContents[]> {
    const unread = new Map(layers.filter(({ diffId }) => !this.#read.has(diffId)).map((layer) => [layer.diffId, layer]));
    await inParallel([...unread.values()], AT_A_TIME, async (layer) => {
      this.#read.set(layer.diffId, await this.#contents(layer));
    });
    return layers.flatMap(({ diffId }) => this.#read.get(diffId) ?? []);
  }

  async #contents(layer: Layer): Promise<LayerContents> {
    let reading: Promise<Omit<LayerContents, 'diffId'>> | null = null;
    const once = (): Promise<Omit<LayerContents, 'diffId'>> => (reading ??= scanned(this.#store, layer));
    const files = await keptLayerFiles(this.#cacheFolder, layer, async () => (await once()).files);
    const facts = await keptFacts(this.#cacheFolder, layer, async () => (await once()).facts);
    return { diffId: layer.diffId, files, facts };
  }
}

async function scanned(store: Pick<ImageStore, 'openLayer'>, layer: Layer): Promise<Omit<LayerContents, 'diffId'>> {
  const [files, facts] = [filesReader(), factsReader()];
  await scanLayer(store, layer, together(files, facts));
  return { files: files.files(), facts: facts.facts() };
}
