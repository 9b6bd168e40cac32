import { TAG, type TiffPage } from './tiff-pages.ts';
import { type SampleLayout, sampleLayout } from './tile-codec.ts';

/** One size in which a slide is stored: tiles, or strips as wide as the picture. */
export interface SlideLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** How many px of the largest level one of its px is, the mean of both axes. */
  readonly downsample: number;
  /** px */
  readonly tileWidth: number;
  /** px */
  readonly tileHeight: number;
  readonly isTiled: boolean;
  readonly page: TiffPage;
  readonly layout: SampleLayout;
  /** Bytes of every tile in the file; 0 at 0 where a tile is absent. */
  readonly offsets: readonly number[];
  readonly lengths: readonly number[];
}

/** Pixels by which the size of a level may differ from the exact fraction. */
const SIZE_SLACK = 2;

/** What of a TIFF is a slide: the pages of its levels, the largest first, and those of other pictures. */
export interface SlidePages {
  readonly levels: readonly TiffPage[];
  /** Thumbnails, labels, photographs of the glass, channels. */
  readonly others: readonly TiffPage[];
}

/**
 * Sorts the pages of a TIFF, whatever their order in the file: the largest picture is the base; smaller ones of the same
 * shape, stored in tiles as it is, are its levels. A thumbnail has the shape too, but in strips.
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
  // The sides are rounded apart: what the one says of the other is off by some pixels of the level.
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

/** Tiles of a level across and down. */
export function tilesOf({ width, height, tileWidth, tileHeight }: SlideLevel) {
  return { across: Math.ceil(width / tileWidth), down: Math.ceil(height / tileHeight) };
}
