import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';

/** Sides in px. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Side of a square of one label, in px. */
const SQUARE = 224;
/** Unannotated context around the annotated part of an H&E ROI, in px. */
export const CONTEXT = 350;
/** Sides of the annotated squares, in px. */
const [MIDDLE, CORNER] = [256, 8];
/** Side of the square in which the rehearsal's detector looks for one cell, in px. */
export const CELL = 16;
/** Side of a cell in an image, in px, in the middle of its square. */
const DOT = 4;
/** Colours of the cell classes; the background is black. */
export const CELL_COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
] as const;

/** Returns the predicted label of a pixel: squares of labels in an order that depends on `seed`. */
function labelAt(x: number, y: number, seed: number): number {
  return 1 + ((7 * Math.floor(x / SQUARE) + 11 * Math.floor(y / SQUARE) + seed) % (HE_LABELS.length - 1));
}

/** Returns what the rehearsal's network predicts for an image: one byte per pixel. */
export function predictionOf({ width, height }: Size, seed: number): Uint8Array {
  return rowsOf({ width, height }, 1, SQUARE, (x, y) => [labelAt(x, y, seed)]);
}

/**
 * Returns the annotation: a square in the middle and two corners of the part without context, so that only few tiles
 * have to be predicted while figures are as large as for a full annotation. Every ninth square has another label than
 * the prediction.
 */
export function annotationOf({ width, height }: Size, seed: number): Uint8Array {
  const truth = new Uint8Array(width * height);
  const annotate = (left: number, top: number, side: number) => {
    for (let y = top; y < top + side; y++) {
      for (let x = left; x < left + side; x++) {
        const isOther = (Math.floor(x / SQUARE) + 2 * Math.floor(y / SQUARE) + seed) % 9 === 0;
        truth[y * width + x] = labelAt(x, y, isOther ? seed + 1 : seed);
      }
    }
  };
  annotate(Math.floor((width - MIDDLE) / 2), Math.floor((height - MIDDLE) / 2), MIDDLE);
  annotate(CONTEXT, CONTEXT, CORNER);
  annotate(width - CONTEXT - CORNER, height - CONTEXT - CORNER, CORNER);
  return truth;
}

/** Draws the image of an H&E ROI: each pixel has the colour of its predicted label. */
export async function tissuePng(size: Size, seed: number): Promise<Buffer> {
  const pixels = rowsOf(size, 3, SQUARE, (x, y) => HE_LABELS[labelAt(x, y, seed)]?.colour ?? [0, 0, 0]);
  return png(pixels, size, 3);
}

export async function maskPng(mask: Uint8Array, size: Size): Promise<Buffer> {
  return png(mask, size, 1);
}

/** Draws an image of cells, with an alpha channel like those of the record. */
export async function cellsPng(size: Size, cells: readonly { x: number; y: number; class: number }[]): Promise<Buffer> {
  const pixels = new Uint8Array(4 * size.width * size.height);
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = 255;
  for (const { x, y, class: of } of cells) {
    for (let dy = -DOT / 2; dy < DOT / 2; dy++) {
      for (let dx = -DOT / 2; dx < DOT / 2; dx++) {
        pixels.set(CELL_COLOURS[of] ?? [0, 0, 0], 4 * ((y + dy) * size.width + x + dx));
      }
    }
  }
  return png(pixels, size, 4);
}

/** Draws rows; rows that repeat within a square are drawn once. */
function rowsOf(
  { width, height }: Size,
  channels: number,
  square: number,
  at: (x: number, y: number) => readonly number[],
): Uint8Array {
  const pixels = new Uint8Array(width * height * channels);
  const row = new Uint8Array(width * channels);
  for (let y = 0; y < height; y++) {
    if (y % square === 0) for (let x = 0; x < width; x++) row.set(at(x, y), x * channels);
    pixels.set(row, y * width * channels);
  }
  return pixels;
}

async function png(pixels: Uint8Array, { width, height }: Size, channels: 1 | 3 | 4): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width, height, channels } });
  return (channels === 1 ? image.toColourspace('b-w') : image).png({ compressionLevel: 1 }).toBuffer();
}

/** Offset of the first chunk after the header of a PNG. */
const AFTER_HEADER = 33;

/** Adds a comment to a PNG, which makes the same image a different file that is not in the cache. */
export function withComment(file: Buffer, comment: string): Buffer {
  const content = Buffer.from(`tEXtComment\0${comment}`, 'latin1');
  const chunk = Buffer.alloc(content.length + 8);
  chunk.writeUInt32BE(content.length - 4, 0);
  content.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(content), content.length + 4);
  return Buffer.concat([file.subarray(0, AFTER_HEADER), chunk, file.subarray(AFTER_HEADER)]);
}
