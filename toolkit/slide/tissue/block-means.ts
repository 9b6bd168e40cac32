import type { DecodedImage } from '../../image/accepted-image.ts';
import type { Slide } from '../read/slide.ts';

/** Mean colours of the blocks of a slide. */
export interface BlockMeans {
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width x 3, 0..255. */
  readonly colours: Float32Array;
}

/** A block should have at least this many px of the level in each direction, so that its mean is a real average. */
const FEWEST_PX = 2;
/** Approximate number of rows of the level that are read at once. */
const ROWS_AT_ONCE = 256;

/**
 * Averages a slide in square blocks, from the coarsest level that is fine enough. Memory is bounded by the slide's width.
 *
 * @param block - Side of a block, px of the largest level. Need not be an integer.
 * @param onRow - Called with the number of finished rows of blocks.
 * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile; what `onRow` throws.
 */
export async function blockMeans(
  slide: Slide,
  block: number,
  size: { readonly width: number; readonly height: number },
  onRow: (done: number, of: number) => void = () => undefined,
): Promise<BlockMeans> {
  const { width, height } = size;
  const fine = slide.levels.findLastIndex(({ downsample }) => downsample * FEWEST_PX <= block);
  const level = Math.max(0, fine);
  const of = slide.levels[level];
  if (of === undefined) throw new RangeError('Expected a slide with a level');
  const step = block / of.downsample;
  const columns = Array.from({ length: width + 1 }, (_, x) => Math.min(of.width, Math.floor(x * step)));
  const rowsAtOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / step));
  const colours = new Float32Array(width * height * 3);
  for (let first = 0; first < height; first += rowsAtOnce) {
    const end = Math.min(height, first + rowsAtOnce);
    const top = Math.min(of.height - 1, Math.floor(first * step));
    const bottom = Math.max(top + 1, Math.min(of.height, Math.floor(end * step)));
    const pixels = await slide.readRegion(level, 0, top, of.width, bottom - top);
    for (let row = first; row < end; row++) {
      const from = Math.min(bottom - 1, Math.max(top, Math.floor(row * step)));
      const to = Math.max(from + 1, Math.min(bottom, Math.floor((row + 1) * step)));
      const rows = pixels.subarray(3 * (from - top) * of.width, 3 * (to - top) * of.width);
      averageRow(rows, of.width, columns, colours.subarray(3 * row * width, 3 * (row + 1) * width));
    }
    onRow(end, height);
  }
  return { width, height, colours };
}

function averageRow(rows: Uint8Array, width: number, columns: readonly number[], means: Float32Array): void {
  const height = rows.length / (3 * width);
  for (let block = 0; block + 1 < columns.length; block++) {
    const from = Math.min(width - 1, columns[block] ?? 0);
    const to = Math.max(from + 1, columns[block + 1] ?? 0);
    let [red, green, blue] = [0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let at = 3 * (y * width + from), end = 3 * (y * width + to); at < end; at += 3) {
        red += rows[at] ?? 0;
        green += rows[at + 1] ?? 0;
        blue += rows[at + 2] ?? 0;
      }
    }
    const count = height * (to - from);
    means.set([red / count, green / count, blue / count], 3 * block);
  }
}

/** Longest side of a level that is used unchanged, px. */
const MAX_SIDE = 2_560;
/** Longest side of the overview if no level is small enough, px. */
const MADE_SIDE = 2_048;

/** Makes a small image of a whole slide, for display and for colour measurements. */
export async function slideOverview(slide: Slide): Promise<DecodedImage> {
  const level = slide.levels.findIndex(({ width, height }) => Math.max(width, height) <= MAX_SIDE);
  const of = slide.levels[level];
  if (of !== undefined) {
    const data = await slide.readRegion(level, 0, 0, of.width, of.height);
    return { width: of.width, height: of.height, data };
  }
  const block = Math.max(slide.width, slide.height) / MADE_SIDE;
  const size = { width: Math.ceil(slide.width / block), height: Math.ceil(slide.height / block) };
  const { colours } = await blockMeans(slide, block, size);
  return { ...size, data: Uint8Array.from(colours) };
}
