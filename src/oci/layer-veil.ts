/** What one layer hides of those below it: gathered first, so that one pass over them is enough, however much it hides. */
import { parentOf } from './layer-paths.ts';

export class Veil {
  readonly #whiteouts = new Set<string>();
  readonly #opaque = new Set<string>();

  add(kind: 'whiteout' | 'opaque', path: string): void {
    (kind === 'whiteout' ? this.#whiteouts : this.#opaque).add(path);
  }

  apply(tree: Map<string, unknown>): void {
    for (const path of tree.keys()) if (this.#hides(path)) tree.delete(path);
  }

  #hides(path: string): boolean {
    if (this.#whiteouts.has(path) || this.#opaque.has('')) return true;
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      if (this.#whiteouts.has(folder) || this.#opaque.has(folder)) return true;
    }
    return false;
  }
}
