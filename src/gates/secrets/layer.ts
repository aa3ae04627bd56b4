/** Secrets in one layer, what upper layers delete included: who pulls the image gets every layer. */
import type { Json } from '../../domain/json.ts';
import { scanLayer, together } from '../../oci/layer-scan.ts';
import type { Layer } from '../../oci/store.ts';
import type { GateSubject } from '../contract.ts';
import { onceForLayer } from '../layer-cache.ts';
import { ASSIGNED } from './assignments.ts';
import { fileScan } from './file-scan.ts';
import { packagedReader } from './packaged.ts';
import { QUOTED } from './sources.ts';

/** Another with each change of what is looked for. */
export const VERSION = 'secrets-2';

/** So many are told of one layer; that there are more is told, too. */
const MOST = 500;
/** Before those of packages are told apart. */
const HELD = 20_000;
/** Of what is packed into files of a layer so much is looked at. */
const UNPACKED_BYTES = 4 * 2 ** 30;

export interface LayerSecret {
  /** Relative, bytes as latin1. */
  readonly path: string;
  /** Within the file, where that is an archive. */
  readonly inner: string | null;
  readonly line: number | null;
  readonly rule: string;
  readonly masked: string;
  readonly hint: string;
  /** Whether a package brought the file. */
  readonly packaged: boolean;
}

export interface LayerSecrets {
  readonly found: readonly LayerSecret[];
  readonly more: number;
  /** Whether some of what is packed into files was not looked at. */
  readonly cut: boolean;
}

export const layerSecrets = async ({ store, cacheFolder }: GateSubject, layer: Layer): Promise<LayerSecrets> =>
  (await onceForLayer(
    cacheFolder,
    VERSION,
    layer,
    async () => (await readLayer(store, layer)) as unknown as Json,
  )) as unknown as LayerSecrets;

type Seen = Omit<LayerSecret, 'packaged'>;

async function readLayer(store: GateSubject['store'], layer: Layer): Promise<LayerSecrets> {
  const seen: Seen[] = [];
  let over = 0;
  let unpackedBytes = 0;
  let pending: Promise<void>[] = [];
  const lists = packagedReader();
  const scan = (path: string): Parameters<typeof fileScan>[1] => ({
    found({ rule, masked, hint }, line, inner) {
      if (seen.length < HELD) seen.push({ path, inner, line, rule, masked, hint });
      else over += 1;
    },
    unpacks: (bytes) => (unpackedBytes += bytes) <= UNPACKED_BYTES,
    wait: (work) => void pending.push(work),
  });
  const secrets = {
    entry: ({ path, kind }: { readonly path: string; readonly kind: string }) =>
      kind === 'file' ? fileScan(path, scan(path)) : null,
    async settled() {
      for (; pending.length > 0;) await Promise.all(pending.splice(0));
    },
  };
  await scanLayer(store, layer, together(lists, secrets));
  const packaged = lists.packaged(new Set(seen.map(({ path }) => path)));
  const { found, more } = told(seen.map((each) => ({ ...each, packaged: packaged.has(each.path) })));
  return { found, more: more + over, cut: unpackedBytes > UNPACKED_BYTES };
}

/** Guessed by its name: in what a package brought it says nothing of whoever baked the image. */
const GUESSED: ReadonlySet<string> = new Set([ASSIGNED.id, QUOTED.id]);

/** Packages' own last: however many they bring, they take nobody else's place. */
function told(all: readonly LayerSecret[]): Pick<LayerSecrets, 'found' | 'more'> {
  const own = all.filter(({ packaged }) => !packaged);
  const others = all.filter(({ packaged, rule }) => packaged && !GUESSED.has(rule));
  return { found: [...own, ...others].slice(0, MOST), more: Math.max(0, own.length - MOST) };
}
