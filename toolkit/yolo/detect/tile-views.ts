import { z } from 'zod';
import type { ImageTile } from './image-tiles.ts';
import { Letterbox } from './letterbox.ts';

/** How a network sees an image: in overlapping tiles, or the whole image at once. */
export const View = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tiles'), overlap: z.int().min(0) }).readonly(),
  z.object({ kind: z.literal('letterbox'), box: Letterbox }).readonly(),
]);
export type View = z.infer<typeof View>;

/** A tile, its position in the image, and the part of the image that it decides about. */
export interface SeenTile extends ImageTile {
  /** px of the input per px of the image, horizontally. */
  readonly scaleX: number;
  /** px of the input per px of the image, vertically. */
  readonly scaleY: number;
  /** Part of the image that the tile covers: x1, y1, x2, y2 in px of the image. */
  readonly covers: Rectangle;
  /** Part of the image that is nearer to the centre of this tile than to that of any other tile. */
  readonly owns: Rectangle;
}

export type Rectangle = readonly [number, number, number, number];

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Lists the tiles of a view in the order in which the network sees them. @param side - Side of a tile, px. */
export function viewTiles(view: View, image: Size, side: number): readonly SeenTile[] {
  if (view.kind === 'tiles') return overlappingTiles(image, side, view.overlap);
  return [letterboxTile(image, view.box)];
}

/** Covers an image with tiles of `side` px that overlap by at least `overlap` px and do not exceed it, unless it is smaller. */
export function overlappingTiles({ width, height }: Size, side: number, overlap: number): readonly SeenTile[] {
  const columns = spans(width, side, overlap);
  const rows = spans(height, side, overlap);
  return rows.flatMap((row, y) =>
    columns.map((column, x) => ({
      index: y * columns.length + x,
      left: column.start,
      top: row.start,
      scaleX: 1,
      scaleY: 1,
      covers: [column.start, row.start, column.end, row.end] as const,
      owns: [column.from, row.from, column.to, row.to] as const,
    })),
  );
}

/** Returns the single tile of a letterbox. Its `left` and `top` are where the input starts, in px of the image. */
function letterboxTile({ width, height }: Size, box: Letterbox): SeenTile {
  const [scaleX, scaleY] = [box.scaledWidth / width, box.scaledHeight / height];
  const everywhere = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Infinity, Infinity] as const;
  return {
    index: 0,
    left: -box.left / scaleX,
    top: -box.top / scaleY,
    scaleX,
    scaleY,
    covers: [0, 0, width, height],
    owns: everywhere,
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** Start of the part that the tile decides about. */
  readonly from: number;
  readonly to: number;
}

/** Divides an axis into equally spaced spans. The border between two neighbours is the middle of their overlap. */
function spans(length: number, side: number, overlap: number): readonly Span[] {
  const count = length <= side ? 1 : Math.ceil((length - overlap) / (side - overlap));
  const starts = Array.from({ length: count }, (_, index) =>
    count === 1 ? 0 : Math.round((index * (length - side)) / (count - 1)),
  );
  return starts.map((start, index) => {
    const before = starts[index - 1];
    const behind = starts[index + 1];
    return {
      start,
      end: Math.min(start + side, length),
      from: before === undefined ? Number.NEGATIVE_INFINITY : (start + before + side) / 2,
      to: behind === undefined ? Infinity : (behind + start + side) / 2,
    };
  });
}
