/** Pieces on their way to become one. */
export class Gathered {
  #parts: Buffer[] = [];
  length = 0;

  add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#parts, this.length);
    [this.#parts, this.length] = [[], 0];
    return bytes;
  }
}
