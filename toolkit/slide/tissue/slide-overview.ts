import type { DecodedImage } from '../../image/accepted-image.ts';
import type { Slide } from '../read/slide.ts';
import { blockMeans } from './block-means.ts';

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
