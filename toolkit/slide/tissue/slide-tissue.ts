import type { SlideView } from '../read/slide-view.ts';
import { blockMeans } from './block-means.ts';
import { findTissue } from './tissue-finder.ts';
import type { TissueMask } from './tissue-mask.ts';

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
