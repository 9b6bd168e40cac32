import { roundHalfEven } from '../../numpy/round.ts';
import type { Candidates } from './candidates.ts';

/** x1, y1, x2, y2 in px. */
export type Box = readonly [number, number, number, number];

/** Centre of a candidate in px of the image. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Computes the centre of a candidate: the mean of its corners plus the origin of its tile, each step rounded to float32.
 *
 * @param left - First column of the tile in the image, px.
 * @param top - First row of the tile in the image, px.
 */
export function centreOf({ corners }: Candidates, index: number, left: number, top: number): Point {
  const [x1 = Number.NaN, y1 = Number.NaN, x2 = Number.NaN, y2 = Number.NaN] = corners.subarray(
    4 * index,
    4 * index + 4,
  );
  return {
    x: Math.fround(Math.fround(Math.fround(x1 + x2) / 2) + left),
    y: Math.fround(Math.fround(Math.fround(y1 + y2) / 2) + top),
  };
}

/** Returns whether a point is in a box, borders included. The borders are rounded to float32. */
export function isWithin({ x, y }: Point, [x1, y1, x2, y2]: Box): boolean {
  return x >= Math.fround(x1) && x <= Math.fround(x2) && y >= Math.fround(y1) && y <= Math.fround(y2);
}

/** Rounds a coordinate to two decimals like NumPy rounds float32: rint(100 x) / 100, half to even. */
export function roundedCoordinate(value: number): number {
  return Math.fround(roundHalfEven(Math.fround(value * 100)) / 100);
}
