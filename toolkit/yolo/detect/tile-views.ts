import { z } from 'zod';
import type { ImageTile } from './image-tiles.ts';
import { Letterbox } from './letterbox.ts';

/** How a network sees an image: in tiles that overlap, or all of it at once. */
export const View = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tiles'), overlap: z.int().min(0) }).readonly(),
  z.object({ kind: z.literal('letterbox'), box: Letterbox }).readonly(),
]);
export type View = z.infer<typeof View>;

/** Position of the tile's network input in the image, and which part of the image the tile decides about. */
export interface SeenTile extends ImageTile {
  /** px of the input for a px of the image. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** Part of the image that the tile covers: x1, y1, x2, y2 in px of the image. */
  readonly covers: Rectangle;
  /** Part of the image that is nearer to the middle of this tile than to that of any other. */
  readonly owns: Rectangle;
}

export type Rectangle = readonly [number, number, number, number];

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The tiles of a view, in the order in which the network sees them. @param side - Of a tile, px. */
export function viewTiles(view: View, image: Size, side: number): readonly SeenTile[] {
  if (view.kind === 'tiles') return overlappingTiles(image, side, view.overlap);
  return [letterboxTile(image, view.box)];
}

/** Tiles of `side` px that overlap by at least `overlap` px and leave the image only where it is smaller. */
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

/** The one tile of a letterbox. Its `left` and `top` are where the input begins, in px of the image. */
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
  /** The part that it decides about. */
  readonly from: number;
  readonly to: number;
}

/** Equal steps along an axis; neighbours share the middle of what both cover. */
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
