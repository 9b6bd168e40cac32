import type { PixelBox } from '../../nnunet/sliding-window/non-zero-box.ts';
import type { SlideView } from '../read/slide-view.ts';

/** Width of the stripes that are read from each side, px. */
const STRIPE = 256;

/**
 * Finds the bounding box of the non-black pixels of a slide by reading stripes from its four sides. A slide without a
 * black border needs only four stripes. Returns the whole slide if every pixel is black.
 *
 * @see `nonZeroBox`, which returns the same for an image in memory.
 */
export async function nonBlackBox(view: Pick<SlideView, 'read' | 'width' | 'height'>): Promise<PixelBox> {
  const { width, height } = view;
  const row = (y: number, count: number) => view.read(0, y, width, count);
  const top = await firstLine(height, async (at, count) => linesOf(await row(at, count), width, count));
  if (top === undefined) return { top: 0, bottom: height, left: 0, right: width };
  const up = async (at: number, count: number) =>
    linesOf(await row(height - at - count, count), width, count).reverse();
  const bottom = height - ((await firstLine(height, up)) ?? 0);
  const inner = bottom - top;
  const column = async (x: number, count: number) => columnsOf(await view.read(x, top, count, inner), count);
  const left = (await firstLine(width, column)) ?? 0;
  const back = async (at: number, count: number) => (await column(width - at - count, count)).reverse();
  return { top, bottom, left, right: width - ((await firstLine(width, back)) ?? 0) };
}

/** Finds the first of `length` lines that is not black, stripe by stripe. */
async function firstLine(
  length: number,
  read: (at: number, count: number) => Promise<readonly boolean[]>,
): Promise<number | undefined> {
  for (let at = 0; at < length; at += STRIPE) {
    const found = (await read(at, Math.min(STRIPE, length - at))).indexOf(true);
    if (found >= 0) return at + found;
  }
  return undefined;
}

/** Returns for each row whether it contains a non-black pixel. */
function linesOf(rgb: Uint8Array, width: number, count: number): boolean[] {
  return Array.from({ length: count }, (_, y) =>
    rgb.subarray(3 * y * width, 3 * (y + 1) * width).some((value) => value !== 0),
  );
}

/** Returns for each column whether it contains a non-black pixel. */
function columnsOf(rgb: Uint8Array, count: number): boolean[] {
  const lines: boolean[] = Array(count).fill(false);
  for (let at = 0; at < rgb.length; at++) if (rgb[at] !== 0) lines[Math.floor(at / 3) % count] = true;
  return lines;
}
