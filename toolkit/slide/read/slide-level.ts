import { TAG, type TiffPage } from './tiff-pages.ts';
import { type SampleLayout, sampleLayout } from './tile-codec.ts';

/** One level of a slide, stored in tiles or in strips as wide as the level. */
export interface SlideLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** px of the largest level per px of this one, mean of both axes. */
  readonly downsample: number;
  /** px */
  readonly tileWidth: number;
  /** px */
  readonly tileHeight: number;
  readonly isTiled: boolean;
  readonly page: TiffPage;
  readonly layout: SampleLayout;
  /** Offset of every tile in the file; 0 if a tile is absent. */
  readonly offsets: readonly number[];
  /** Length of every tile in bytes; 0 if a tile is absent. */
  readonly lengths: readonly number[];
}

/** px by which the height of a level may differ from the exact ratio. */
const SIZE_SLACK = 2;

/** The pages of a TIFF, sorted into levels of the slide and other images. */
export interface SlidePages {
  /** The largest first. */
  readonly levels: readonly TiffPage[];
  /** Thumbnails, label images, macro images, channels. */
  readonly others: readonly TiffPage[];
}

/**
 * Finds the levels among the pages of a TIFF, in whatever order they are stored. The largest image is the base. Smaller
 * ones with the same aspect ratio are its levels, but not a thumbnail in strips if the base is stored in tiles.
 */
export function slidePages(pages: readonly TiffPage[]): SlidePages {
  const all = pages.flatMap((page) => [page, ...page.children]);
  const [base] = [...all].sort((a, b) => areaOf(b) - areaOf(a));
  if (base === undefined) return { levels: [], others: [] };
  const levels = [base];
  const fits = all.filter((page) => page !== base && isLevelOf(page, base));
  for (const page of fits.sort((a, b) => areaOf(b) - areaOf(a))) {
    if (page.number(TAG.width, 0) < (levels.at(-1)?.number(TAG.width, 0) ?? 0)) levels.push(page);
  }
  return { levels, others: all.filter((page) => !levels.includes(page)) };
}

function isLevelOf(page: TiffPage, base: TiffPage): boolean {
  const [width, height] = sizeOf(page);
  const [baseWidth, baseHeight] = sizeOf(base);
  if (width >= baseWidth || height > baseHeight || width < 1 || height < 1) return false;
  if (base.has(TAG.tileWidth) && !page.has(TAG.tileWidth)) return false;
  if (page.number(TAG.samples, 1) !== base.number(TAG.samples, 1)) return false;
  // Width and height are rounded separately, so the aspect ratio may be off by a few pixels of the level.
  return Math.abs((width * baseHeight) / baseWidth - height) <= SIZE_SLACK;
}

function areaOf(page: TiffPage): number {
  const [width, height] = sizeOf(page);
  return width * height;
}

function sizeOf(page: TiffPage): readonly [number, number] {
  return [page.number(TAG.width, 0), page.number(TAG.height, 0)];
}

/** Reads how a level is stored. */
export function slideLevel(page: TiffPage, base: TiffPage, isLittle: boolean): SlideLevel {
  const [width, height] = sizeOf(page);
  const [baseWidth, baseHeight] = sizeOf(base);
  const isTiled = page.has(TAG.tileWidth);
  const rows = Math.min(height, page.number(TAG.rowsPerStrip, height) || height);
  return {
    width,
    height,
    downsample: (baseWidth / width + baseHeight / height) / 2,
    tileWidth: isTiled ? page.number(TAG.tileWidth, 0) : width,
    tileHeight: isTiled ? page.number(TAG.tileHeight, 0) : rows,
    isTiled,
    page,
    layout: sampleLayout(page, isLittle),
    offsets: page.numbers(isTiled ? TAG.tileOffsets : TAG.stripOffsets),
    lengths: page.numbers(isTiled ? TAG.tileBytes : TAG.stripBytes),
  };
}

/** Counts the tiles of a level across and down. */
export function tilesOf({ width, height, tileWidth, tileHeight }: SlideLevel) {
  return { across: Math.ceil(width / tileWidth), down: Math.ceil(height / tileHeight) };
}
