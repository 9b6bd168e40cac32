import { type BlockMeans, blockMeans } from './read/slide.ts';
import type { SlideView } from './read/slide-view.ts';

/** Mask of the square blocks of an image that contain tissue. */
export interface TissueMask {
  /** Side of a block, px of the image. */
  readonly block: number;
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width; non-zero for tissue. */
  readonly data: Uint8Array;
}

/** Summed-area table of tissue blocks: tests a rectangle of any size in constant time. */
export class TissueCounts {
  readonly #mask: TissueMask;
  /** (height + 1) x (width + 1): number of tissue blocks above and to the left. */
  readonly #sums: Uint32Array;

  constructor(mask: TissueMask) {
    const { width, height, data } = mask;
    this.#mask = mask;
    this.#sums = new Uint32Array((width + 1) * (height + 1));
    for (let y = 0; y < height; y++) {
      let row = 0;
      for (let x = 0; x < width; x++) {
        row += data[y * width + x] === 0 ? 0 : 1;
        this.#sums[(y + 1) * (width + 1) + x + 1] = (this.#sums[y * (width + 1) + x + 1] ?? 0) + row;
      }
    }
  }

  /** Returns whether a rectangle of the image (px, ends excluded) touches a block of tissue. */
  touches(left: number, top: number, right: number, bottom: number): boolean {
    const { block, width, height } = this.#mask;
    const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));
    const [x1, y1] = [clamp(Math.floor(left / block), width), clamp(Math.floor(top / block), height)];
    const [x2, y2] = [clamp(Math.ceil(right / block), width), clamp(Math.ceil(bottom / block), height)];
    const at = (x: number, y: number) => this.#sums[y * (width + 1) + x] ?? 0;
    return x2 > x1 && y2 > y1 && at(x2, y2) - at(x1, y2) - at(x2, y1) + at(x1, y1) > 0;
  }
}

/** Returns whether a pixel of the image is in a block of tissue. */
export function isTissue({ block, width, height, data }: TissueMask, x: number, y: number): boolean {
  const [column, row] = [Math.floor(x / block), Math.floor(y / block)];
  return column < width && row < height && data[row * width + column] !== 0;
}

/** Side of the blocks in which tissue is detected, µm. */
const BLOCK_UM = 8;
/** The same in px, if the pixel size is unknown. */
const BLOCK_PX = 16;

/** Tissue of a slide, in blocks of the image that a network sees. */
export interface SlideTissue {
  readonly mask: TissueMask;
  /** Share of the slide's blocks that hold tissue, 0 to 1. */
  readonly share: number;
  /** Share of blocks that count as pen. */
  readonly pen: number;
}

/** Returns the side of the blocks in which tissue is detected, px of the view, and their number across and down. */
export function tissueBlocks({ mpp, width, height }: Pick<SlideView, 'mpp' | 'width' | 'height'>) {
  const block = mpp === undefined ? BLOCK_PX : Math.max(1, Math.round(BLOCK_UM / mpp));
  return { block, width: Math.ceil(width / block), height: Math.ceil(height / block) };
}

/**
 * Finds the tissue of a slide in blocks of about 8 µm, see `findTissue`.
 *
 * @param isBlueTissue - Whether a purely blue block counts as stained tissue.
 * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile.
 */
export async function slideTissue(view: SlideView, isBlueTissue: boolean): Promise<SlideTissue> {
  const { block, ...size } = tissueBlocks(view);
  const { data, pen, width, height } = findTissue(await blockMeans(view.slide, block * view.scale, size), isBlueTissue);
  const found = data.reduce((sum, each) => sum + each, 0);
  return { mask: { block, width, height, data }, share: found / data.length, pen: pen / data.length };
}

/** Blocks of a slide that contain tissue. */
interface FoundTissue {
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width; 1 where there is tissue. */
  readonly data: Uint8Array;
  /** Number of blocks whose colour is that of pen. */
  readonly pen: number;
}

/** Optical density relative to the glass, mean of the channels, below which a block counts as glass. */
const MIN_DENSITY = 0.02;
/** Saturation in hue-saturation-density space below which a block is grey: dust, edges of the coverslip, shadows. */
const MIN_SATURATION = 0.15;
/** Hues in degrees: 0 to 70 is blue, as of ink or of haematoxylin alone; above 240 are green and yellow. */
const LAST_BLUE = 70;
const LAST_BROWN = 240;
/** Pieces of fewer blocks are dust. With blocks of 8 µm, this is 640 µm². */
const FEWEST_BLOCKS = 10;
/** Gaps in tissue of up to this many blocks are lumens, fat or pigment, and count as tissue. */
const MAX_GAP = 10;
/** Darkest value of glass; anything darker is not glass. */
const DARKEST_GLASS = 190;
/** Value of glass if no block shows it. */
const USUAL_GLASS = 245;
/** Values from here on are pure white, which files have where nothing was scanned. */
const PURE_WHITE = 254;
/** Largest difference between the channels of glass. */
const MAX_TINT = 14;
/** Share of blocks that must show glass, so that its colour is measured on them. */
const MIN_GLASS = 0.03;

/**
 * Finds tissue on a slide by colour: blocks that absorb more light than the glass and have a hue of the stain. Grey blocks
 * are dust and edges; blue (in H&E) and green ones are pen. Pieces of few blocks are dropped, and small gaps are filled.
 *
 * Hue, saturation and density are defined as in van der Laak et al. (Cytometry 39, 2000), with the slide's own glass as
 * white. Blue pen and haematoxylin have the same colour, so in immunohistochemistry blue pen counts as tissue. Very pale
 * and fatty tissue may be missed.
 *
 * @param isBlueTissue - Whether a purely blue block counts as stained tissue.
 */
export function findTissue({ width, height, colours }: BlockMeans, isBlueTissue: boolean): FoundTissue {
  const isGlass = realGlass(colours);
  const glass = [0, 1, 2].map((channel) => glassOf(colours, channel, isGlass));
  const data = new Uint8Array(width * height);
  let pen = 0;
  for (let block = 0; block < data.length; block++) {
    const density = glass.map((white, channel) =>
      Math.log10(white / Math.max(1, colours[3 * block + channel] ?? white)),
    );
    const kind = kindOf(density, isBlueTissue);
    if (kind === 'tissue') data[block] = 1;
    if (kind === 'pen') pen++;
  }
  for (const piece of connectedBlocks(data, width, 1))
    if (piece.length < FEWEST_BLOCKS) for (const at of piece) data[at] = 0;
  for (const gap of connectedBlocks(data, width, 0)) {
    const isInside = gap.every(
      (at) => at % width > 0 && at % width < width - 1 && at >= width && at < data.length - width,
    );
    if (isInside && gap.length <= MAX_GAP) for (const at of gap) data[at] = 1;
  }
  return { width, height, data, pen };
}

function kindOf([red = 0, green = 0, blue = 0]: readonly number[], isBlueTissue: boolean): 'glass' | 'tissue' | 'pen' {
  const density = (red + green + blue) / 3;
  if (density < MIN_DENSITY) return 'glass';
  const [x, y] = [red / density - 1, (green - blue) / (Math.sqrt(3) * density)];
  if (Math.hypot(x, y) < MIN_SATURATION) return 'glass';
  const hue = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
  if (hue > LAST_BROWN) return 'pen';
  return hue < LAST_BLUE && !isBlueTissue ? 'pen' : 'tissue';
}

/**
 * Returns a test for blocks that show scanned glass: bright, nearly grey, and not the pure white of areas that were not
 * scanned. If hardly any block passes, the glass itself is pure white, and the test accepts all blocks.
 */
function realGlass(colours: Float32Array): (block: number) => boolean {
  const isReal = (block: number): boolean => {
    const [red = 0, green = 0, blue = 0] = colours.subarray(3 * block, 3 * block + 3);
    const [least, most] = [Math.min(red, green, blue), Math.max(red, green, blue)];
    return least >= DARKEST_GLASS && most - least <= MAX_TINT && least < PURE_WHITE;
  };
  const blocks = colours.length / 3;
  let count = 0;
  for (let block = 0; block < blocks; block++) if (isReal(block)) count++;
  return count >= MIN_GLASS * blocks ? isReal : () => true;
}

/** Returns the most frequent bright value of a channel, which is that of the glass. */
function glassOf(colours: Float32Array, channel: number, isGlass: (block: number) => boolean): number {
  const counts = new Float64Array(256);
  for (let block = 0; 3 * block < colours.length; block++) {
    if (!isGlass(block)) continue;
    const value = Math.round(colours[3 * block + channel] ?? 0);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  let white = USUAL_GLASS;
  let most = 0;
  for (let value = DARKEST_GLASS; value < 256; value++) {
    // Three neighbouring values are counted together, because noise spreads them.
    const count = (counts[value - 1] ?? 0) + (counts[value] ?? 0) + (counts[value + 1] ?? 0);
    if (count > most) [white, most] = [value, count];
  }
  return white;
}

/**
 * Finds the connected components of a value in a small grid (4-connectivity).
 *
 * @param data - height x width values.
 * @param value - The value whose components are found.
 * @returns The indices of each component.
 */
function* connectedBlocks(data: Uint8Array, width: number, value: number): Generator<readonly number[]> {
  const isSeen = new Uint8Array(data.length);
  for (let start = 0; start < data.length; start++) {
    if (isSeen[start] === 1 || data[start] !== value) continue;
    isSeen[start] = 1;
    const piece = [start];
    for (let next = 0; next < piece.length; next++) {
      const at = piece[next] ?? 0;
      const x = at % width;
      const neighbours = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const other of neighbours) {
        if (other < 0 || other >= data.length || isSeen[other] === 1 || data[other] !== value) continue;
        isSeen[other] = 1;
        piece.push(other);
      }
    }
    yield piece;
  }
}
