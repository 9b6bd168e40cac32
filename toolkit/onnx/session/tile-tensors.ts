import type { SidecarInput } from '../custom-model/sidecar.ts';

/** RGB channel at each position. */
const PLACES = { RGB: [0, 1, 2], BGR: [2, 1, 0] } as const;

/** Turns a tile in our layout into the input of a custom network. */
export class TileInput {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly #spec: SidecarInput;
  readonly #pixels: number;

  constructor(spec: SidecarInput, [height, width]: readonly [number, number]) {
    this.#spec = spec;
    this.#pixels = height * width;
    this.shape = spec.layout === 'NCHW' ? [1, 3, height, width] : [1, height, width, 3];
    this.data = new Float32Array(3 * this.#pixels);
  }

  /** @param tile - 3 x height x width float32, RGB in [0, 1]. */
  fill(tile: Float32Array): Float32Array {
    const { layout, channels, range, mean, std } = this.#spec;
    const [low, high] = range;
    const pixels = this.#pixels;
    for (let place = 0; place < 3; place++) {
      const from = (PLACES[channels][place] ?? 0) * pixels;
      const scale = (high - low) / (std[place] ?? 1);
      const shift = (low - (mean[place] ?? 0)) / (std[place] ?? 1);
      const [first, step] = layout === 'NCHW' ? [place * pixels, 1] : [place, 3];
      for (let pixel = 0, to = first; pixel < pixels; pixel++, to += step) {
        this.data[to] = (tile[from + pixel] ?? 0) * scale + shift;
      }
    }
    return this.data;
  }
}

/**
 * Puts a network's scores where the sliding window wants them: one value per label, channels last.
 *
 * @param scores - channels x pixels (NCHW) or pixels x channels (NHWC) float32.
 * @param values - Label of every channel.
 * @param into - pixels x labels float32; labels without a channel get 0.
 */
export function placeScores(
  scores: Float32Array,
  { layout, isLogits }: { readonly layout: 'NCHW' | 'NHWC'; readonly isLogits: boolean },
  values: readonly number[],
  labels: number,
  into: Float32Array,
): void {
  const channels = values.length;
  const pixels = scores.length / channels;
  const [perChannel, perPixel] = layout === 'NCHW' ? [pixels, 1] : [1, channels];
  const row = new Float64Array(channels);
  if (labels > channels) into.fill(0);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      row[channel] = scores[channel * perChannel + pixel * perPixel] ?? Number.NaN;
    }
    if (isLogits) softmax(row);
    for (let channel = 0; channel < channels; channel++) {
      into[pixel * labels + (values[channel] ?? 0)] = row[channel] ?? Number.NaN;
    }
  }
}

function softmax(row: Float64Array): void {
  const most = Math.max(...row);
  let sum = 0;
  for (let k = 0; k < row.length; k++) {
    const power = Math.exp((row[k] ?? 0) - most);
    row[k] = power;
    sum += power;
  }
  for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? 0) / sum;
}

/**
 * Rows of YOLOv8 as those of YOLOv5: columns become rows, and every box is an object.
 *
 * @param scores - (4 + classes) x rows float32.
 * @param into - rows x (5 + classes) float32.
 */
export function placeBoxes(scores: Float32Array, rows: number, classes: number, into: Float32Array): void {
  const columns = 5 + classes;
  for (let row = 0; row < rows; row++) {
    const to = row * columns;
    for (let side = 0; side < 4; side++) into[to + side] = scores[side * rows + row] ?? Number.NaN;
    into[to + 4] = 1;
    for (let k = 0; k < classes; k++) into[to + 5 + k] = scores[(4 + k) * rows + row] ?? Number.NaN;
  }
}
