/** A label mask, one byte per pixel, row by row. */
export interface LabelMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Horizontal runs of equal labels in a mask, row by row from the upper left.
 *
 * The borders of regions are found and recorded by the left edges of runs, which takes 4 bytes per run instead of several
 * bytes per pixel.
 */
export class LabelRuns {
  readonly width: number;
  readonly height: number;
  /** First column of every run, px. */
  readonly starts: Uint32Array;
  readonly #labels: Uint8Array;
  /** Index of the first run of every row, and at the end the number of runs. */
  readonly #rows: Uint32Array;

  constructor({ width, height, data }: LabelMask) {
    if (data.length !== width * height) throw new RangeError(`Expected ${width * height} labels, got ${data.length}`);
    this.width = width;
    this.height = height;
    this.#labels = data;
    this.#rows = new Uint32Array(height + 1);
    this.starts = new Uint32Array(this.#count());
    let run = 0;
    for (let y = 0; y < height; y++) {
      let before = -1;
      for (let x = 0, at = y * width; x < width; x++, at++) {
        const label = data[at] ?? 0;
        if (label !== before) this.starts[run++] = x;
        before = label;
      }
    }
  }

  /** Returns the indices of the runs of a row: the first, and the one after the last. */
  runsOf(y: number): { readonly from: number; readonly to: number } {
    return { from: this.#rows[y] ?? 0, to: this.#rows[y + 1] ?? 0 };
  }

  /** Returns the label of a pixel; -1 outside the mask. */
  labelAt(x: number, y: number): number {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return -1;
    return this.#labels[y * this.width + x] ?? -1;
  }

  /** Returns the index of the run that contains a pixel. */
  runAt(x: number, y: number): number {
    let low = this.#rows[y] ?? 0;
    let high = (this.#rows[y + 1] ?? 0) - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.starts[middle] ?? 0) <= x) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #count(): number {
    let count = 0;
    for (let y = 0; y < this.height; y++) {
      this.#rows[y] = count;
      let before = -1;
      for (let at = y * this.width, end = at + this.width; at < end; at++) {
        const label = this.#labels[at] ?? 0;
        if (label !== before) count++;
        before = label;
      }
    }
    this.#rows[this.height] = count;
    return count;
  }
}
