import { Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { lumaOf } from '../../image/pixels.ts';
import { halfToNumber, toHalfBits } from '../../pytorch/tensors/tensor.ts';
import { type ImageSpec, imageShape } from '../custom-model/image-spec.ts';

/** Channel of the tile at each position; alpha has none. */
const PLACES = {
  RGB: [0, 1, 2],
  BGR: [2, 1, 0],
  RGBA: [0, 1, 2, undefined],
  BGRA: [2, 1, 0, undefined],
  two: [0, 1],
  four: [0, 1, 2, 3],
} as const;

/** Converts a tile of the sliding window to the input of a custom network. */
export class TileInput {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly #spec: ImageSpec;
  readonly #pixels: number;

  constructor(spec: Omit<ImageSpec, 'elementType'> & Partial<ImageSpec>, size: readonly [number, number]) {
    this.#spec = { elementType: 'float32', ...spec };
    this.#pixels = size[0] * size[1];
    this.shape = imageShape(this.#spec, size);
    this.data = new Float32Array(this.shape.reduce((product, axis) => product * axis, 1));
  }

  /** @param tile - See `fill`. */
  tensor(tile: Float32Array): Tensor {
    return tensorOf(this.#spec.elementType, this.fill(tile), this.shape);
  }

  /**
   * Fills `data` with a tile.
   *
   * @param tile - channels x height x width float32 in [0, 1]: RGB, or two or four channels of the image; for grey also
   *   height x width, which is used unchanged.
   */
  fill(tile: Float32Array): Float32Array {
    const { channels } = this.#spec;
    if (channels === 'grey') this.#place(0, 1, tile.length === this.#pixels ? tile : greyOf(tile));
    else {
      for (const [place, channel] of PLACES[channels].entries()) {
        const from = tile.subarray((channel ?? 0) * this.#pixels, ((channel ?? 0) + 1) * this.#pixels);
        this.#place(
          place,
          PLACES[channels].length,
          channel === undefined ? new Float32Array(this.#pixels).fill(1) : from,
        );
      }
    }
    return this.data;
  }

  /** @param values - One channel, in [0, 1]. */
  #place(place: number, count: number, values: Float32Array): void {
    const { layout, range, mean, std } = this.#spec;
    const [low, high] = range;
    const pixels = this.#pixels;
    const scale = (high - low) / (std[place] ?? 1);
    const shift = (low - (mean[place] ?? 0)) / (std[place] ?? 1);
    const [first, step] = layout === 'NCHW' ? [place * pixels, 1] : [place, count];
    for (let pixel = 0, to = first; pixel < pixels; pixel++, to += step) {
      this.data[to] = (values[pixel] ?? 0) * scale + shift;
    }
  }
}

/** @param tile - 3 x pixels, bytes divided by 255. */
function greyOf(tile: Float32Array): Float32Array {
  const pixels = tile.length / 3;
  const grey = new Float32Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [red, green, blue] = [tile[pixel] ?? 0, tile[pixels + pixel] ?? 0, tile[2 * pixels + pixel] ?? 0];
    grey[pixel] = lumaOf(Math.round(red * 255), Math.round(green * 255), Math.round(blue * 255)) / 255;
  }
  return grey;
}

/**
 * Copies a network's scores to the layout of the sliding window: one value per label, channels last.
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

/**
 * Copies a network's scores to the layout of the sliding window: one value per channel, channels last.
 *
 * @param scores - channels x pixels (NCHW) or pixels x channels (NHWC) float32.
 * @param isLogits - Whether to apply the sigmoid.
 * @param into - pixels x channels float32.
 */
export function placeSigmoids(
  scores: Float32Array,
  { layout, isLogits }: { readonly layout: 'NCHW' | 'NHWC'; readonly isLogits: boolean },
  channels: number,
  into: Float32Array,
): void {
  const pixels = scores.length / channels;
  const [perChannel, perPixel] = layout === 'NCHW' ? [pixels, 1] : [1, channels];
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      const score = scores[channel * perChannel + pixel * perPixel] ?? Number.NaN;
      into[pixel * channels + channel] = isLogits ? 1 / (1 + Math.exp(-score)) : score;
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
 * Converts rows of YOLOv8 to those of YOLOv5: columns become rows, and every box gets objectness 1.
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

/** Converts numbers to a tensor: float16 rounded to nearest even, uint8 rounded and clipped. */
export function tensorOf(
  elementType: ImageSpec['elementType'],
  values: Float32Array,
  shape: readonly number[],
): Tensor {
  switch (elementType) {
    case 'float32':
      return new Tensor('float32', values, [...shape]);
    case 'float16':
      return new Tensor('float16', Uint16Array.from(values, toHalfBits), [...shape]);
    case 'uint8':
      return new Tensor('uint8', new Uint8Array(Uint8ClampedArray.from(values).buffer), [...shape]);
  }
}

/**
 * Returns a network's output as float32.
 *
 * @throws ReigniteError INFERENCE_FAILED if it is missing or not floating-point.
 */
export function floatsOf(output: Tensor | undefined, name: string): Float32Array {
  if (output?.type === 'float32' && output.data instanceof Float32Array) return output.data;
  // Since Node.js 24, float16 values may come as numbers instead of bits.
  if (output?.type === 'float16') {
    return output.data instanceof Uint16Array
      ? Float32Array.from(output.data, halfToNumber)
      : Float32Array.from(output.data, Number);
  }
  if (output?.type === 'float64') return Float32Array.from(output.data, Number);
  throw new ReigniteError(
    'INFERENCE_FAILED',
    `The output ${name} is ${output?.type ?? 'missing'}, not floating-point.`,
  );
}
