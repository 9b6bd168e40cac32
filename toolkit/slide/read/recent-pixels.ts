/** Pixels of a part of a picture. */
interface Pixels {
  readonly data: Uint8Array;
}

/** Keeps the pixels that were made last, within a number of bytes, so that neighbouring regions share them. */
export class RecentPixels<Part extends Pixels> {
  readonly #most: number;
  readonly #parts = new Map<string, { readonly part: Promise<Part>; bytes: number }>();
  #bytes = 0;

  /** @param most - Bytes that are kept at most, without what is being made. */
  constructor(most: number) {
    this.#most = most;
  }

  /** A part that is kept, or being made; else it is made now. One that failed is not kept. */
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

  /** Forgets those that were asked for longest ago. */
  #shrink(): void {
    for (const [key, { bytes }] of this.#parts) {
      if (this.#bytes <= this.#most) return;
      this.#parts.delete(key);
      this.#bytes -= bytes;
    }
  }
}
