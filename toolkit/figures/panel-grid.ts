/** Part of an image, in px. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Finds the smallest box that contains every pixel other than 0.
 *
 * Stray values that are not labels count too, as in evaluation.py.
 *
 * @param mask - height × width, row by row.
 * @returns Undefined if every pixel is 0.
 */
export function boundingBox(mask: Uint8Array, width: number): Box | undefined {
  const first = mask.findIndex((value) => value !== 0);
  if (first < 0) return undefined;
  const last = mask.findLastIndex((value) => value !== 0);
  const top = Math.floor(first / width);
  const bottom = Math.floor(last / width);
  let left = width;
  let right = -1;
  for (let row = top; row <= bottom; row++) {
    const start = row * width;
    let x = 0;
    while (x < left && mask[start + x] === 0) x++;
    left = x;
    x = width - 1;
    while (x > right && mask[start + x] === 0) x--;
    right = x;
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Mapping of the pixels of a panel to those of an image. */
export interface PanelGrid {
  /** Size of the panel in px. */
  readonly width: number;
  readonly height: number;
  /** Length of a row of the image in px. */
  readonly imageWidth: number;
  /** Panel column k covers the image columns from `left[k]` to `right[k]` (exclusive). */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The same for rows. */
  readonly top: Int32Array;
  readonly bottom: Int32Array;
}

/** Longest side of a panel in px; the authors' panels have about 480 px and the same content. */
const MAX_SIDE = 960;

/**
 * Maps a crop of an image to a panel of at most 960 px on its longer side.
 *
 * A larger crop is reduced, and every image pixel contributes to exactly one panel pixel. A smaller one is enlarged by
 * an integer factor, so that pixels stay sharp.
 */
export function panelGrid(box: Box, imageWidth: number): PanelGrid {
  const longest = Math.max(box.width, box.height);
  const factor = longest > MAX_SIDE ? MAX_SIDE / longest : Math.floor(MAX_SIDE / longest);
  const width = Math.max(1, Math.round(box.width * factor));
  const height = Math.max(1, Math.round(box.height * factor));
  const columns = spans(box.x, box.width, width);
  const rows = spans(box.y, box.height, height);
  return { width, height, imageWidth, left: columns.begin, right: columns.end, top: rows.begin, bottom: rows.end };
}

/**
 * Calls `visit` for every pixel of a panel, row by row, with its index and the columns and rows of the image that it
 * covers, ends exclusive.
 */
export function eachPanelPixel(
  { width, height, left, right, top, bottom }: PanelGrid,
  visit: (index: number, firstX: number, endX: number, firstY: number, endY: number) => void,
): void {
  for (let row = 0, index = 0; row < height; row++) {
    const firstY = top[row] ?? 0;
    const endY = bottom[row] ?? 0;
    for (let column = 0; column < width; column++, index++) {
      visit(index, left[column] ?? 0, right[column] ?? 0, firstY, endY);
    }
  }
}

function spans(start: number, length: number, count: number): { begin: Int32Array; end: Int32Array } {
  const edge = (k: number) => start + Math.floor((k * length) / count);
  const begin = Int32Array.from({ length: count }, (_, k) => edge(k));
  return { begin, end: begin.map((first, k) => Math.max(first + 1, edge(k + 1))) };
}

/**
 * Draws an image in a panel. Each panel pixel is the mean of the image pixels that it covers, so that none is skipped.
 *
 * @param image - RGB, three bytes per pixel, row by row.
 * @returns Opaque RGBA of the panel, row by row.
 */
export function averageImage(image: Uint8Array, grid: PanelGrid): Uint8ClampedArray<ArrayBuffer> {
  const { imageWidth } = grid;
  const pixels = new Uint8ClampedArray(grid.width * grid.height * 4).fill(255);
  eachPanelPixel(grid, (index, firstX, endX, firstY, endY) => {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let y = firstY; y < endY; y++) {
      const end = (y * imageWidth + endX) * 3;
      for (let k = (y * imageWidth + firstX) * 3; k < end; k += 3) {
        red += image[k] ?? 0;
        green += image[k + 1] ?? 0;
        blue += image[k + 2] ?? 0;
      }
    }
    const count = (endY - firstY) * (endX - firstX);
    const out = 4 * index;
    pixels[out] = red / count;
    pixels[out + 1] = green / count;
    pixels[out + 2] = blue / count;
  });
  return pixels;
}
