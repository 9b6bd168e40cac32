import type { BlockMeans } from './block-means.ts';
import { connectedBlocks } from './connected-blocks.ts';

/** What the glass of a slide looks like, and which of its blocks hold tissue. */
export interface FoundTissue {
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width; 1 where there is tissue. */
  readonly data: Uint8Array;
  /** Blocks of pen, by their colour. */
  readonly pen: number;
}

/** Optical density above that of the glass, mean of the channels, from which a block absorbs light. */
const MIN_DENSITY = 0.02;
/** Saturation in hue-saturation-density space below which a block is grey: dust, edges of the coverslip, shadows. */
const MIN_SATURATION = 0.15;
/** Hues in degrees: 0 to 70 is blue, as of ink and of haematoxylin alone; beyond 240 are green and yellow. */
const LAST_BLUE = 70;
const LAST_BROWN = 240;
/** Blocks; smaller pieces are dust. At 8 µm a block, 640 µm². */
const FEWEST_BLOCKS = 10;
/** Blocks; smaller gaps in tissue are lumens, fat or pigment and belong to it. */
const MAX_GAP = 10;
/** Darkest glass: what is darker is a slide without glass. */
const DARKEST_GLASS = 190;
const USUAL_GLASS = 245;
/** Values of pure white, and of the largest difference between the channels of glass. */
const PURE_WHITE = 254;
const MAX_TINT = 14;
/** Share of blocks that must show glass for its colour to be taken from them. */
const MIN_GLASS = 0.03;

/**
 * Finds tissue on a slide by its colour: blocks that absorb more light than the glass and have a hue of the stain. Grey
 * ones are dust and edges; of H&E, blue and green ones are pen. Single blocks are dropped, small gaps filled.
 *
 * Hue, saturation and density are those of van der Laak et al. (Cytometry 39, 2000), with the slide's own glass as
 * white. By colour alone, blue pen and haematoxylin are the same: where blue is a stain (immunohistochemistry), blue
 * pen counts as tissue. Very pale and fatty tissue may be missed.
 *
 * @param isBlueTissue - Whether blue alone is a stain of the tissue.
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
 * Blocks that show glass as the scanner saw it: bright, without colour, and not the pure white that files have where
 * nothing was scanned. All blocks where there are hardly any such: the glass itself is white then.
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

/** The commonest bright value of a channel: that of the glass. */
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
    // Three neighbouring values together, since noise spreads them.
    const count = (counts[value - 1] ?? 0) + (counts[value] ?? 0) + (counts[value + 1] ?? 0);
    if (count > most) [white, most] = [value, count];
  }
  return white;
}
