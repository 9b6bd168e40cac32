import { z } from 'zod';
import type { RgbImage } from '../../image/decode-pixels.ts';
import { RGB } from '../../image/image-header.ts';
import { type Pixels, resizeBilinear } from '../../image/pixels.ts';
import { roundHalfEven } from '../../numpy.ts';

/** Position of a whole image that is scaled into the input of a network. */
const Letterbox = z
  .object({
    width: z.int().min(1).describe('Of the input in px'),
    height: z.int().min(1),
    scaledWidth: z.int().min(1).describe('Of the image in it'),
    scaledHeight: z.int().min(1),
    left: z.int().describe('First column of the image in it'),
    top: z.int().describe('First row of the image in it'),
  })
  .readonly();
type Letterbox = z.infer<typeof Letterbox>;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Value of the padding: the grey that YOLO is trained with. */
const PADDING = 114;
/** Ultralytics uses at least this stride for every detector. */
const LEAST_STRIDE = 32;

/** How a network sees an image: in overlapping tiles, or the whole image at once. */
export const View = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tiles'), overlap: z.int().min(0) }).readonly(),
  z.object({ kind: z.literal('letterbox'), box: Letterbox }).readonly(),
]);
export type View = z.infer<typeof View>;

/** A tile, its position in the image, and the part of the image that it decides about. */
export interface SeenTile extends ImageTile {
  /** px of the input per px of the image, horizontally. */
  readonly scaleX: number;
  /** px of the input per px of the image, vertically. */
  readonly scaleY: number;
  /** Part of the image that the tile covers: x1, y1, x2, y2 in px of the image. */
  readonly covers: Rectangle;
  /** Part of the image that is nearer to the centre of this tile than to that of any other tile. */
  readonly owns: Rectangle;
}

export type Rectangle = readonly [number, number, number, number];

/** Lists the tiles of a view in the order in which the network sees them. @param side - Side of a tile, px. */
export function viewTiles(view: View, image: Size, side: number): readonly SeenTile[] {
  if (view.kind === 'tiles') return overlappingTiles(image, side, view.overlap);
  return [letterboxTile(image, view.box)];
}

/** Covers an image with tiles of `side` px that overlap by at least `overlap` px and do not exceed it, unless it is smaller. */
export function overlappingTiles({ width, height }: Size, side: number, overlap: number): readonly SeenTile[] {
  const columns = spans(width, side, overlap);
  const rows = spans(height, side, overlap);
  return rows.flatMap((row, y) =>
    columns.map((column, x) => ({
      index: y * columns.length + x,
      left: column.start,
      top: row.start,
      scaleX: 1,
      scaleY: 1,
      covers: [column.start, row.start, column.end, row.end] as const,
      owns: [column.from, row.from, column.to, row.to] as const,
    })),
  );
}

/** Returns the single tile of a letterbox. Its `left` and `top` are where the input starts, in px of the image. */
function letterboxTile({ width, height }: Size, box: Letterbox): SeenTile {
  const [scaleX, scaleY] = [box.scaledWidth / width, box.scaledHeight / height];
  const everywhere = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Infinity, Infinity] as const;
  return {
    index: 0,
    left: -box.left / scaleX,
    top: -box.top / scaleY,
    scaleX,
    scaleY,
    covers: [0, 0, width, height],
    owns: everywhere,
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** Start of the part that the tile decides about. */
  readonly from: number;
  readonly to: number;
}

/** Divides an axis into equally spaced spans. The border between two neighbours is the middle of their overlap. */
function spans(length: number, side: number, overlap: number): readonly Span[] {
  const count = length <= side ? 1 : Math.ceil((length - overlap) / (side - overlap));
  const starts = Array.from({ length: count }, (_, index) =>
    count === 1 ? 0 : Math.round((index * (length - side)) / (count - 1)),
  );
  return starts.map((start, index) => {
    const before = starts[index - 1];
    const behind = starts[index + 1];
    return {
      start,
      end: Math.min(start + side, length),
      from: before === undefined ? Number.NEGATIVE_INFINITY : (start + before + side) / 2,
      to: behind === undefined ? Infinity : (behind + start + side) / 2,
    };
  });
}

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

/** One tile of an image. */
export interface ImageTile {
  /** Number of the tile, row by row. */
  readonly index: number;
  /** First column in px. */
  readonly left: number;
  /** First row in px. */
  readonly top: number;
}

/** Covers an image with tiles of `size` px without overlap, row by row. The last ones may reach beyond the border. */
export function imageTiles({ width, height }: Pick<RgbImage, 'width' | 'height'>, size: number): readonly ImageTile[] {
  const columns = Math.ceil(width / size);
  return Array.from({ length: columns * Math.ceil(height / size) }, (_, index) => ({
    index,
    left: (index % columns) * size,
    top: Math.floor(index / columns) * size,
  }));
}

/** Value / 255 for the 256 values of a byte, in float32. */
const SCALED = Float32Array.from({ length: 256 }, (_, value) => value / 255);

type Source = Pick<Pixels, 'width' | 'height' | 'channels' | 'data'>;

/**
 * Fills a network's input with one tile: channels scaled to [0, 1], padded with black beyond the right and lower border. The
 * authors' code fails on images whose sides are not multiples of the tile; padding with black is our choice.
 *
 * @param input - Receives channels x size x size float32 (CHW).
 */
export function fillTile(
  image: Source,
  place: Pick<ImageTile, 'left' | 'top'>,
  size: number,
  input: Float32Array,
): void {
  fillPart(image, place, { width: size, height: size }, 0, input);
}

/**
 * Fills a network's input with the part of an image that starts at a tile: channels scaled to [0, 1], padded with the grey
 * that was used in training.
 *
 * @param input - Receives channels x height x width float32 (CHW).
 */
export function fillInput(
  image: Source,
  place: Pick<ImageTile, 'left' | 'top'>,
  size: { readonly width: number; readonly height: number },
  input: Float32Array,
): void {
  fillPart(image, place, size, SCALED[PADDING] ?? 0, input);
}

function fillPart(
  image: Source,
  { left, top }: Pick<ImageTile, 'left' | 'top'>,
  { width, height }: { readonly width: number; readonly height: number },
  padding: number,
  input: Float32Array,
): void {
  const { data, channels = RGB } = image;
  const plane = width * height;
  const columns = Math.min(width, image.width - left);
  const rows = Math.min(height, image.height - top);
  if (columns < width || rows < height) input.fill(padding);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      let from = ((top + row) * image.width + left) * channels + channel;
      const start = channel * plane + row * width;
      for (let to = start; to < start + columns; to++, from += channels) input[to] = SCALED[data[from] ?? 0] ?? 0;
    }
  }
}
