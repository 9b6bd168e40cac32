/** Pixels of a part of an image. */
interface Pixels {
  readonly data: Uint8Array;
}

/** A least-recently-used cache of pixels, limited in bytes, so that neighbouring regions share decoded tiles. */
export class RecentPixels<Part extends Pixels> {
  readonly #most: number;
  readonly #parts = new Map<string, { readonly part: Promise<Part>; bytes: number }>();
  #bytes = 0;

  /** @param most - Maximum size in bytes, without parts that are still being made. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Returns the part with this key, and makes it if it is neither cached nor being made. A failed part is not cached. */
  get(key: string, make: () => Promise<Part>): Promise<Part> {
    const known = this.#parts.get(key);
    if (known !== undefined) {
      this.#parts.delete(key);
      this.#parts.set(key, known);
      return known.part;
    }
    const entry = { part: make(), bytes: 0 };
    this.#parts.set(key, entry);
    entry.part.then(
      ({ data }) => {
        if (this.#parts.get(key) !== entry) return;
        entry.bytes = data.length;
        this.#bytes += data.length;
        this.#shrink();
      },
      () => this.#parts.delete(key),
    );
    return entry.part;
  }

  /** Removes the least recently used parts. */
  #shrink(): void {
    for (const [key, { bytes }] of this.#parts) {
      if (this.#bytes <= this.#most) return;
      this.#parts.delete(key);
      this.#bytes -= bytes;
    }
  }
}
