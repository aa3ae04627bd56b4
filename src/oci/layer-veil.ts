/** What one layer hides of those below it: gathered first, so that one pass over them is enough, however much it hides. */
import { parentOf } from './layer-paths.ts';

export class Veil {
  readonly #whiteouts = new Set<string>();
  readonly #opaque = new Set<string>();

  add(kind: 'whiteout' | 'opaque', path: string): void {
    (kind === 'whiteout' ? this.#whiteouts : this.#opaque).add(path);
  }

  apply(tree: Map<string, unknown>): void {
    if (this.#whiteouts.size === 0 && this.#opaque.size === 0) return;
    // Most paths share their folder with others: each folder is asked about once.
    const folders = new Map<string, boolean>([['', this.#opaque.has('')]]);
    for (const path of tree.keys()) {
      if (this.#whiteouts.has(path) || this.#hidesWithin(parentOf(path), folders)) tree.delete(path);
    }
  }

  /** Whether what lies in the folder is hidden. */
  #hidesWithin(folder: string, known: Map<string, boolean>): boolean {
    const found = known.get(folder);
    if (found !== undefined) return found;
    const hides = this.#whiteouts.has(folder) || this.#opaque.has(folder) || this.#hidesWithin(parentOf(folder), known);
    known.set(folder, hides);
    return hides;
  }
}
