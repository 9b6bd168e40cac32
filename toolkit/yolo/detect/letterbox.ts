import { z } from 'zod';
import { RGB } from '../../image/image-header.ts';
import { type Pixels, resizeBilinear } from '../../image/pixels.ts';
import { roundHalfEven } from '../../numpy.ts';

/** Position of a whole image that is scaled into the input of a network. */
export const Letterbox = z
  .object({
    width: z.int().min(1).describe('Of the input in px'),
    height: z.int().min(1),
    scaledWidth: z.int().min(1).describe('Of the image in it'),
    scaledHeight: z.int().min(1),
    left: z.int().describe('First column of the image in it'),
    top: z.int().describe('First row of the image in it'),
  })
  .readonly();
export type Letterbox = z.infer<typeof Letterbox>;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Value of the padding: the grey that YOLO is trained with. */
export const PADDING = 114;
/** Ultralytics uses at least this stride for every detector. */
const LEAST_STRIDE = 32;

/**
 * Computes how `yolo predict` fits an image into `imgsz` px: its longer side is scaled to that length, and the other is
 * padded on both sides up to a square or to the next multiple of the stride.
 *
 * @param stride - Largest stride of the network. Undefined pads to a square.
 * @see LetterBox of Ultralytics and `letterbox` of YOLOv5
 */
export function letterboxOf(image: Size, imgsz: number, stride: number | undefined): Letterbox {
  const { scaledWidth, scaledHeight } = scaledInto(image, { width: imgsz, height: imgsz });
  const step = stride === undefined ? undefined : Math.max(stride, LEAST_STRIDE);
  const padding = (scaled: number) => (step === undefined ? imgsz - scaled : (imgsz - scaled) % step);
  return padded(scaledWidth, scaledHeight, padding(scaledWidth), padding(scaledHeight));
}

/** Computes the same for a network with a fixed input, square or not: the image is scaled to fit and padded to that size. */
export function letterboxInto(image: Size, input: Size): Letterbox {
  const { scaledWidth, scaledHeight } = scaledInto(image, input);
  return padded(scaledWidth, scaledHeight, input.width - scaledWidth, input.height - scaledHeight);
}

function scaledInto(image: Size, input: Size) {
  const ratio = Math.min(input.height / image.height, input.width / image.width);
  const scaledWidth = Math.max(roundHalfEven(image.width * ratio), 1);
  const scaledHeight = Math.max(roundHalfEven(image.height * ratio), 1);
  return { scaledWidth, scaledHeight };
}

function padded(scaledWidth: number, scaledHeight: number, across: number, down: number): Letterbox {
  return {
    width: scaledWidth + across,
    height: scaledHeight + down,
    scaledWidth,
    scaledHeight,
    left: before(across),
    top: before(down),
  };
}

/** Returns the part of the padding that comes before the image; never -0. */
function before(padding: number): number {
  return Math.max(0, roundHalfEven(padding / 2 - 0.1));
}

/** Scales an image into its letterbox and pads it. */
export function letterboxed(image: Pixels, box: Letterbox): Pixels {
  const { width, height, scaledWidth, scaledHeight, left, top } = box;
  const { channels = RGB } = image;
  const scaled = resizeBilinear(image, { width: scaledWidth, height: scaledHeight });
  const data = new Uint8Array(width * height * channels).fill(PADDING);
  for (let row = 0; row < scaledHeight; row++) {
    const from = row * scaledWidth * channels;
    data.set(scaled.data.subarray(from, from + scaledWidth * channels), ((top + row) * width + left) * channels);
  }
  return { width, height, channels, data };
}
