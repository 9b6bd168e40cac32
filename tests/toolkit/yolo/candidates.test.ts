import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centreOf, isWithin, roundedCoordinate } from '../../../toolkit/yolo/detect/candidates.ts';
import { imageTiles } from '../../../toolkit/yolo/detect/image-views.ts';

describe('roundedCoordinate', () => {
  it.each([
    [0.125, 0.12], // 12.5 goes to the even neighbour
    [0.375, 0.38],
    [1.005, 1], // float32(1.005) is a little less
    [1023.4567, 1023.46],
    [-0.125, -0.12],
  ])('rounds %d to %d as NumPy does', (value, rounded) => {
    expect(roundedCoordinate(Math.fround(value))).toBe(Math.fround(rounded));
  });

  it('moves no coordinate of an image by more than half a hundredth and its own precision', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, max: 8192, noNaN: true }), (value) => {
        expect(Math.abs(roundedCoordinate(value) - value)).toBeLessThanOrEqual(0.005 + 2 ** -10);
      }),
    );
  });
});

describe('centreOf', () => {
  it('is the mean of the corners, shifted by the origin of the tile, in float32', () => {
    const candidates = {
      count: 1,
      corners: Float32Array.of(0.1, 10, 0.4, 20),
      scores: Float32Array.of(1),
      classes: Uint16Array.of(0),
    };
    const { x, y } = centreOf(candidates, 0, 1024, 512);
    expect(y).toBe(527);
    expect(x).toBe(1024.25); // float32 has steps of 2^-13 there: 0.25 is one of them
  });
});

describe('isWithin', () => {
  it('counts the borders as inside, taken as float32', () => {
    const border = 100.1; // float32(100.1) is a little less
    expect(isWithin({ x: Math.fround(border), y: 5 }, [border, 0, 200, 10])).toBe(true);
    expect(isWithin({ x: 200, y: 10 }, [border, 0, 200, 10])).toBe(true);
    expect(isWithin({ x: 200, y: Math.fround(10.00001) }, [border, 0, 200, 10])).toBe(false);
  });
});

describe('imageTiles', () => {
  it('goes row by row and covers the remainder', () => {
    expect(imageTiles({ width: 1024, height: 512 }, 512).map(({ left, top }) => [left, top])).toEqual([
      [0, 0],
      [512, 0],
    ]);
    expect(imageTiles({ width: 150, height: 100 }, 64).map(({ left, top }) => [left, top])).toEqual([
      [0, 0],
      [64, 0],
      [128, 0],
      [0, 64],
      [64, 64],
      [128, 64],
    ]);
  });
});
