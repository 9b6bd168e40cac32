import type { LabelMask } from '../../geojson/label-runs.ts';
import { NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';
import type { Rows } from '../../slide/predict/rows-file.ts';

/** Maximum number of pixels of the reduced image. */
const MAX_REDUCED = 2 ** 25;

/** Counts the values of an image while its rows are streamed, and keeps a reduced version of it. */
export class LabelTally {
  /** Number of pixels per value. */
  readonly counts = new Float64Array(256);
  /** Every `step`-th pixel of every `step`-th row. */
  readonly reduced: LabelMask;
  /** px of the image per px of the reduced one. */
  readonly step: number;
  readonly #width: number;
  #row = 0;

  /** @param least - Minimum value of `step`, which is a power of two. */
  constructor({ width, height }: { readonly width: number; readonly height: number }, least: number) {
    let step = 1;
    while (step < least || Math.ceil(width / step) * Math.ceil(height / step) > MAX_REDUCED) step *= 2;
    this.step = step;
    this.#width = width;
    const size = { width: Math.ceil(width / step), height: Math.ceil(height / step) };
    this.reduced = { ...size, data: new Uint8Array(size.width * size.height) };
  }

  /** Passes rows through and counts their values. */
  async *through(rows: AsyncIterable<Rows>): AsyncGenerator<Rows> {
    for await (const some of rows) {
      for (let y = 0; y < some.count; y++) this.#add(some.data.subarray(y * this.#width, (y + 1) * this.#width));
      yield some;
    }
  }

  /** Number of pixels that were predicted. */
  get computed(): number {
    return this.counts.reduce((sum, count, value) => (value === NOT_PREDICTED ? sum : sum + count), 0);
  }

  #add(row: Uint8Array): void {
    for (const value of row) this.counts[value] = (this.counts[value] ?? 0) + 1;
    const { step, reduced } = this;
    if (this.#row % step === 0) {
      let to = (this.#row / step) * reduced.width;
      for (let x = 0; x < row.length; x += step) reduced.data[to++] = row[x] ?? 0;
    }
    this.#row++;
  }
}
