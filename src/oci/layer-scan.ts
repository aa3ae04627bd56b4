/** Reads what a layer holds without unpacking it: no root is needed, nothing is written, and no link is ever followed. */
import { LayerBudget, type LayerLimits } from './layer-limits.ts';
import { type Mark, markOf } from './layer-marks.ts';
import { entryPath } from './layer-paths.ts';
import type { ImageStore, Layer } from './store.ts';
import type { TarHeader } from './tar-format.ts';
import { TarReader } from './tar-reader.ts';

/** Gets a file's content in pieces. A piece is only valid during the call. */
export interface ContentSink {
  write(bytes: Buffer): void;
  end(): void;
}

export interface LayerVisitor {
  /**
   * An entry in the order of the layer, what later entries replace included. `header.path` is checked: relative, '' is the
   * root, bytes as latin1. What is answered for a file gets its content; null: it is skipped.
   */
  entry(header: TarHeader): ContentSink | null;
  /** What the layer hides of those below it. */
  hidden?(mark: Exclude<Mark, { kind: 'none' }>): void;
  /** Waited for now and then, and at the end: for those whose sinks go on with what they got after they have answered. */
  settled?(): Promise<void>;
}

/** One reading for several visitors: each sees every entry, and gets the contents that it asks for. */
export const together = (...visitors: readonly LayerVisitor[]): LayerVisitor => ({
  entry(header) {
    const sinks = visitors.map((visitor) => visitor.entry(header)).filter((sink) => sink !== null);
    if (sinks.length < 2) return sinks[0] ?? null;
    return {
      write(bytes) {
        for (const sink of sinks) sink.write(bytes);
      },
      end() {
        for (const sink of sinks) sink.end();
      },
    };
  },
  hidden(mark) {
    for (const visitor of visitors) visitor.hidden?.(mark);
  },
  async settled() {
    for (const visitor of visitors) await visitor.settled?.();
  },
});

/** Throws LAYER_UNSAFE, IMAGE_INVALID, DIGEST_MISMATCH; what was visited before that is then not to be believed. */
export async function scanLayer(
  store: Pick<ImageStore, 'openLayer'>,
  layer: Layer,
  visitor: LayerVisitor,
  limits: Partial<LayerLimits> = {},
): Promise<void> {
  const budget = new LayerBudget(limits, layer.descriptor.size);
  let sink: ContentSink | null = null;
  const reader = new TarReader({
    open(header) {
      const path = entryPath(header.path);
      budget.entry(path, header);
      const mark = markOf(path, header);
      if (mark !== null && mark.kind !== 'none') visitor.hidden?.(mark);
      sink = mark === null ? visitor.entry({ ...header, path }) : null;
    },
    write: (bytes) => sink?.write(bytes),
    close() {
      sink?.end();
      sink = null;
    },
  });
  const tar = await store.openLayer(layer);
  try {
    for await (const chunk of tar) {
      budget.count((chunk as Buffer).length);
      reader.feed(chunk as Buffer);
      await visitor.settled?.();
    }
    reader.finish();
  } finally {
    tar.destroy();
  }
}
